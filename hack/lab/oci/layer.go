package oci

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

var epoch = time.Unix(0, 0).UTC()

// entry is one file of the layer: content from source, or the text itself.
type entry struct {
	target string
	source string
	text   string
}

const (
	passwd = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
	group  = "root:x:0:\nnonroot:x:65532:\n"
)

// entries lists the layer's files sorted by place; two files at one place are an error.
func entries(s Spec) ([]entry, error) {
	var list []entry
	if len(s.Entrypoint) > 0 { // a program may look up its user; a folder of data has none
		list = append(list, entry{target: "/etc/passwd", text: passwd}, entry{target: "/etc/group", text: group})
	}
	for _, c := range slices.Concat(s.Files, s.Binaries) {
		list = append(list, entry{target: path.Clean(c.Target), source: c.Source})
	}
	for _, d := range s.Dirs {
		files, err := filesBelow(d)
		if err != nil {
			return nil, err
		}
		list = append(list, files...)
	}
	libraries, err := libraryEntries(s)
	if err != nil {
		return nil, err
	}
	list = append(list, libraries...)
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.target, b.target) })
	for i := 1; i < len(list); i++ {
		if list[i].target == list[i-1].target {
			return nil, fmt.Errorf("placing %s: %s is there already", list[i].target, list[i-1].source)
		}
	}
	return list, nil
}

// filesBelow follows links to files (model caches are full of them) but not to folders.
func filesBelow(d Copy) ([]entry, error) {
	var list []entry
	err := filepath.WalkDir(d.Source, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a folder", p)
		}
		relative, err := filepath.Rel(d.Source, p)
		if err != nil {
			return err
		}
		list = append(list, entry{target: path.Join(d.Target, filepath.ToSlash(relative)), source: p})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading folder %s: %w", d.Source, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("reading folder %s: it is empty", d.Source)
	}
	return list, nil
}

// writeLayer writes the entries and every folder above them, each once and before its content.
func writeLayer(w io.Writer, list []entry) error {
	out := tar.NewWriter(w)
	made := map[string]bool{"/": true}
	if err := writeFolder(out, made, "/tmp", 0o1777); err != nil {
		return err
	}
	for _, e := range list {
		if err := writeFolder(out, made, path.Dir(e.target), 0o755); err != nil {
			return err
		}
		if err := writeEntry(out, e); err != nil {
			return fmt.Errorf("writing %s: %w", e.target, err)
		}
	}
	return out.Close()
}

func writeFolder(out *tar.Writer, made map[string]bool, dir string, mode int64) error {
	if made[dir] {
		return nil
	}
	if err := writeFolder(out, made, path.Dir(dir), 0o755); err != nil {
		return err
	}
	made[dir] = true
	return out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir[1:] + "/", Mode: mode, ModTime: epoch})
}

func writeEntry(out *tar.Writer, e entry) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: e.target[1:], Mode: 0o644, Size: int64(len(e.text)), ModTime: epoch}
	if e.source == "" {
		return writeFile(out, header, strings.NewReader(e.text))
	}
	file, err := os.Open(e.source)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New(e.source + " is not a file")
	}
	header.Size = info.Size()
	if info.Mode()&0o111 != 0 {
		header.Mode = 0o755
	}
	return writeFile(out, header, file)
}

func writeFile(out *tar.Writer, header *tar.Header, content io.Reader) error {
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}
