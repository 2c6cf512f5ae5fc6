package hub

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// refFile keeps which revision a name was last.
func (c *cache) refFile() string {
	name := c.reference.Revision
	if c.reference.Bucket != "" {
		name = "last"
	}
	return filepath.Join(c.dir, "refs", url.PathEscape(name))
}

func (c *cache) remember(revision string) error {
	if c.reference.pinned() {
		return nil
	}
	if b, err := os.ReadFile(c.refFile()); err == nil && string(b) == revision {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.refFile()), 0o777); err != nil {
		return explainDisk(c.refFile(), err)
	}
	partial, err := os.CreateTemp(filepath.Dir(c.refFile()), ".partial-*")
	if err == nil {
		_, err = partial.WriteString(revision)
		err = errors.Join(err, partial.Chmod(0o644), partial.Close())
	}
	if err == nil {
		err = os.Rename(partial.Name(), c.refFile())
	}
	if err != nil {
		return explainDisk(c.refFile(), err)
	}
	return nil
}

// last is the model that this name was when its source was last asked; why is the error where there is none.
func (c *cache) last(why error) (Model, error) {
	revision := c.reference.revisionFolder()
	if !c.reference.pinned() {
		b, err := os.ReadFile(c.refFile())
		if err != nil || !revisionDir.Match(b) {
			return Model{}, why
		}
		revision = string(b)
	}
	m, err := c.published(revision)
	if err != nil {
		return Model{}, fmt.Errorf("%w: %w", why, err)
	}
	return m, nil
}
