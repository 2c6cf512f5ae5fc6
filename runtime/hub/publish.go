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
var errUnpublished = errors.New("it was not fetched here")

// published gives a whole model, if it is there with all its files in their sizes.
func (c *cache) published(revision string) (Model, error) {
	m := Model{Dir: filepath.Join(c.dir, revision), Revision: revision}
	held, err := readManifest(m.Dir)
	if err != nil {
		return Model{}, err
	}
	for _, f := range held.Files {
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

func readManifest(dir string) (held manifest, err error) {
	path := filepath.Join(dir, manifestFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return held, errUnpublished
	}
	if err == nil {
		err = json.Unmarshal(text, &held)
	}
	for _, f := range held.Files {
		err = errors.Join(err, checkName(f.Name))
	}
	if err != nil {
		return held, fmt.Errorf("reading %s: %w", path, err)
	}
	return held, nil
}

// Verify reads all files of a fetched model and holds them against the digests that their source announced.
func Verify(ctx context.Context, dir string) error {
	held, err := readManifest(dir)
	if err != nil {
		return fmt.Errorf("verifying %s: %w", dir, err)
	}
	for _, f := range held.Files {
		one := file{name: f.Name, size: f.Size, digest: f.Digest}
		if err := one.verify(ctx, filepath.Join(dir, filepath.FromSlash(f.Name))); err != nil {
			return fmt.Errorf("verifying %s: %w", dir, err)
		}
	}
	return nil
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
