package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// manifestFile lies in every published folder.
const manifestFile = "aircache-manifest.json"

// manifest says what a published folder holds.
type manifest struct {
	Model    string         `json:"model"`
	Revision string         `json:"revision"`
	Files    []manifestItem `json:"files"`
}

type manifestItem struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Digest digest `json:"digest"`
}

func (c *cache) publish(ctx context.Context, revision, partial string, files []file) error {
	m := manifest{Model: c.reference.String(), Revision: revision}
	for _, f := range files {
		m.Files = append(m.Files, manifestItem{f.name, f.size, f.digest})
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	model, final := filepath.Join(partial, "model"), filepath.Join(c.dir, revision)
	if err := writeSynced(filepath.Join(model, manifestFile), append(text, '\n')); err != nil {
		return err
	}
	if err := syncDir(model); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := c.setBrokenAside(revision, partial); err != nil {
		return err
	}
	if err := os.Rename(model, final); err != nil {
		return explainDisk(final, err)
	}
	return errors.Join(syncDir(c.dir), os.RemoveAll(partial))
}

// setBrokenAside moves a published folder away that lost files since; processes that still read it keep what they have open.
func (c *cache) setBrokenAside(revision, partial string) error {
	final := filepath.Join(c.dir, revision)
	if _, err := os.Lstat(final); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.Rename(final, filepath.Join(partial, "broken")); err != nil {
		return explainDisk(final, err)
	}
	return nil
}

// errUnpublished: no folder was ever published, as against one that lost a file.
var errUnpublished = errors.New("it was never fetched")

// published gives a whole model, if it is there with all its files in their sizes.
func (c *cache) published(revision string) (Model, error) {
	m := Model{Dir: filepath.Join(c.dir, revision), Revision: revision}
	text, err := os.ReadFile(filepath.Join(m.Dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Model{}, errUnpublished
	}
	var held manifest
	if err == nil {
		err = json.Unmarshal(text, &held)
	}
	if err != nil {
		return Model{}, fmt.Errorf("reading %s: %w", filepath.Join(m.Dir, manifestFile), err)
	}
	for _, f := range held.Files {
		if err := checkName(f.Name); err != nil {
			return Model{}, err
		}
		info, err := os.Stat(filepath.Join(m.Dir, filepath.FromSlash(f.Name)))
		if err != nil {
			return Model{}, err
		}
		if info.Size() != f.Size {
			return Model{}, fmt.Errorf("%s has %d bytes, it was fetched with %d", filepath.Join(m.Dir, f.Name), info.Size(), f.Size)
		}
		m.Bytes += f.Size
	}
	return m, nil
}

func writeSynced(path string, content []byte) error {
	f, err := os.Create(path)
	if err == nil {
		_, err = f.Write(content)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return explainDisk(path, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return explainDisk(dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return explainDisk(dir, err)
	}
	return nil
}
