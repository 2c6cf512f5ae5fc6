package hub

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Limits of a layer, which comes from a server.
const (
	maxEntries      = 1_000_000
	maxExpansion    = 100      // a layer that unpacks to more than so many times its size,
	freeExpansion   = 64 << 20 // and so many bytes, is no model: weights hardly compress
	whiteout        = ".wh."   // an entry that takes away a file of the layers below
	whiteoutOfAll   = ".wh..wh..opq"
	safetensorsName = ".safetensors"
)

// fetchLayers fetches an image's layers, checks them, and only then looks into them: the model's files are taken out, and nothing
// else. Layers and files lie side by side until the model is published.
func (c *cache) fetchLayers(ctx context.Context, t *transfer, partial string) error {
	blobs := *t
	blobs.model = filepath.Join(partial, "layers")
	for _, f := range t.listing.files {
		blobs.beside += f.size
	}
	if err := os.RemoveAll(t.model); err != nil { // of a holder before, half unpacked
		return explainDisk(t.model, err)
	}
	for _, dir := range []string{t.model, blobs.model, t.journals} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return explainDisk(dir, err)
		}
	}
	if err := blobs.fetch(ctx, t.listing.files, true); err != nil {
		return err
	}
	c.options.Progress.wait("unpacking " + Size(blobs.beside) + " of layers")
	defer c.options.Progress.wait("")
	u := &unpacking{ctx: ctx, options: c.options, dir: t.model, files: map[string]file{}}
	for i, f := range t.listing.files {
		if err := u.layer(filepath.Join(blobs.model, f.name), f.size); err != nil {
			return fmt.Errorf("unpacking layer %d (%s): %w", i, f.key, err)
		}
	}
	all, err := u.wanted()
	if err != nil {
		return err
	}
	return c.publish(ctx, t.listing.revision, partial, all)
}

// unpacking takes a model's files out of layers, the lowest first.
type unpacking struct {
	ctx     context.Context
	options Options
	dir     string
	files   map[string]file
}

// wanted are the files that make up the model, as they are now; others are removed.
func (u *unpacking) wanted() ([]file, error) {
	var l listing
	for _, f := range u.files {
		l.files = append(l.files, f)
	}
	slices.SortFunc(l.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	all, err := l.smallFiles()
	if err != nil {
		return nil, permanentError{err}
	}
	weights, err := l.weightFiles(u.dir)
	if err != nil {
		return nil, permanentError{err}
	}
	all = append(all, weights...)
	for _, f := range l.files {
		if !slices.Contains(all, f) {
			if err := u.remove(f.name); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (u *unpacking) layer(path string, size int64) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	unpacked, end, err := decompress(in)
	if err != nil {
		return permanentError{err}
	}
	defer end()
	if unpacked != io.Reader(in) { // plain tar is no longer than its file, and can be skipped through
		unpacked = &bounded{Reader: unpacked, left: size*maxExpansion + freeExpansion}
	}
	entries := tar.NewReader(unpacked)
	for number := 0; ; number++ {
		if u.ctx.Err() != nil {
			return context.Cause(u.ctx)
		}
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return permanent("reading the tar: %w", err)
		}
		if number >= maxEntries {
			return permanent("it has more than %d entries", maxEntries)
		}
		if err := u.entry(entry, entries); err != nil {
			return err
		}
	}
}

// decompress looks at a layer's first bytes.
func decompress(in *os.File) (io.Reader, func(), error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(in, head); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(bufio.NewReaderSize(in, 1<<20))
		return z, func() {}, err
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return in, func() {}, nil
}

// bounded ends a layer that unpacks without end.
type bounded struct {
	io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, permanent("it unpacks to more than %d times its size and %s", maxExpansion, Size(freeExpansion))
	}
	return n, err
}

// entry takes one entry, if it is a file of a model's folder. Nothing else is written: no folders, links or devices.
func (u *unpacking) entry(entry *tar.Header, content io.Reader) error {
	name := strings.TrimLeft(strings.TrimPrefix(entry.Name, "./"), "/")
	if hasDots(strings.TrimSuffix(name, "/")) && name != "." {
		return permanent("it has the entry %q: such a name could leave the model's folder, nothing was unpacked of it", entry.Name)
	}
	if gone, found := strings.CutPrefix(name, whiteout); found {
		return u.cover(name, gone)
	}
	small := slices.Contains(small, name)
	if strings.Contains(name, "/") || !small && !strings.HasSuffix(name, safetensorsName) {
		return nil
	}
	if err := checkName(name); err != nil {
		return permanentError{err}
	}
	switch {
	case entry.Typeflag != tar.TypeReg:
		return permanent("%s is %s; a plain file is wanted", name, kindOf(entry.Typeflag))
	case small && entry.Size > maxSmallBytes:
		return permanent("%s has %d bytes, the limit is %d", name, entry.Size, maxSmallBytes)
	}
	if err := u.options.room(u.dir, entry.Size); err != nil {
		return err
	}
	return u.write(name, entry.Size, content)
}

// cover removes what a whiteout names.
func (u *unpacking) cover(name, gone string) error {
	if name != whiteoutOfAll {
		return u.remove(gone)
	}
	for name := range u.files {
		if err := u.remove(name); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacking) remove(name string) error {
	if _, there := u.files[name]; !there {
		return nil
	}
	delete(u.files, name)
	if err := os.Remove(filepath.Join(u.dir, name)); err != nil {
		return explainDisk(name, err)
	}
	return nil
}

// write keeps a file with the digest of what was written, which `pull --verify` reads again.
func (u *unpacking) write(name string, size int64, content io.Reader) error {
	if err := u.remove(name); err != nil {
		return err
	}
	out, err := os.OpenFile(filepath.Join(u.dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return explainDisk(name, err)
	}
	defer out.Close() // closed already where it is complete
	sum := sha256.New()
	to := &placed{file: u.options.write(out), name: name, progress: &Progress{}}
	n, err := io.CopyBuffer(io.MultiWriter(to, sum), reading{u.ctx, content}, make([]byte, 1<<20))
	switch {
	case u.ctx.Err() != nil:
		return context.Cause(u.ctx)
	case err != nil:
		return permanent("unpacking %s: %w", name, err)
	case n != size:
		return permanent("unpacking %s: it has %d bytes, the tar announces %d", name, n, size)
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return explainDisk(name, err)
	}
	u.files[name] = file{name: name, size: size, digest: digest256(hex.EncodeToString(sum.Sum(nil)))}
	return nil
}

func kindOf(flag byte) string {
	switch flag {
	case tar.TypeSymlink:
		return "a symbolic link"
	case tar.TypeLink:
		return "a hard link"
	case tar.TypeDir:
		return "a folder"
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return "a device"
	}
	return fmt.Sprintf("an entry of kind %q", flag)
}
