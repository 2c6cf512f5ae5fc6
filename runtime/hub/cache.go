package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Model is a folder that holds all of a model.
type Model struct {
	Dir       string
	Reference string // as it was asked for
	Revision  string // what that was: a commit, or the digest of a listing; empty for a path
	Bytes     int64  // of its files; 0 for a path
	Fetched   bool   // by this call; else it was there
}

// Pull makes sure that a model is on this machine. A path is used as it is. The errors say which file or request failed, and
// wrap ErrNotFound, ErrDenied, ErrOffline or ErrNoSpace where one of these is the cause.
func Pull(ctx context.Context, reference string, o Options) (Model, error) {
	r, err := Parse(reference)
	if err != nil {
		return Model{}, permanentError{err}
	}
	if !r.Remote() {
		if info, err := os.Stat(r.Path); err != nil || !info.IsDir() {
			return Model{}, fmt.Errorf("model %s: %w: there is no such folder", r.Path, ErrNotFound)
		}
		return Model{Dir: r.Path, Reference: reference}, nil
	}
	if o.Cache == "" {
		return Model{}, permanent("model %s: no folder for the cache is given", r)
	}
	c := &cache{options: o.complete(), reference: r}
	c.dir = filepath.Join(o.Cache, r.folder(c.options))
	m, err := c.pull(ctx)
	if err != nil {
		return Model{}, fmt.Errorf("getting model %s: %w", r, err)
	}
	m.Reference = reference
	if r.Registry != "" {
		m.Revision = sha256Prefix + m.Revision
	}
	return m, nil
}

// cache is one model's folder in the cache.
type cache struct {
	options   Options
	reference Reference
	dir       string
}

func (c *cache) pull(ctx context.Context) (Model, error) {
	if c.reference.pinned() { // nobody need be asked
		if m, err := c.published(c.reference.revisionFolder()); err == nil {
			return m, nil
		}
	}
	if c.options.Offline {
		return c.last(ErrOffline)
	}
	if c.reference.Registry != "" && !c.reference.pinned() {
		c.options.Log.Warn("a tag can be moved to another image: name the digest in production", "model", c.reference.String())
	}
	source, err := c.source(ctx)
	if err != nil {
		return Model{}, err
	}
	var l listing
	err = c.options.ask(ctx, "asking for the files", func(ctx context.Context) (err error) { l, err = source.list(ctx); return err })
	if err != nil {
		if _, reachable := temporary(err); reachable { // refused is refused; unreachable may be served by what is there
			if m, lastErr := c.last(err); lastErr == nil {
				c.options.Log.Warn("using the last model of this name, since its source does not answer", "revision", m.Revision, "reason", err.Error())
				return m, nil
			}
		}
		return Model{}, err
	}
	m, err := c.get(ctx, source, l)
	if err != nil {
		return Model{}, err
	}
	return m, c.remember(l.revision)
}

func (c *cache) source(ctx context.Context) (source, error) {
	switch {
	case c.reference.Registry != "":
		return newRegistry(c.reference, c.options)
	case c.reference.Bucket != "":
		return newBucket(ctx, c.reference, c.options)
	}
	return newHugging(c.reference, c.options), nil
}

// get fetches a listing under the lease, unless somebody else has done so by then.
func (c *cache) get(ctx context.Context, s source, l listing) (Model, error) {
	if m, err := c.published(l.revision); err == nil {
		return m, nil
	}
	if err := os.MkdirAll(c.dir, 0o777); err != nil {
		return Model{}, explainDisk(c.dir, err)
	}
	there := func() bool { _, err := c.published(l.revision); return err == nil }
	for {
		held, lease, err := acquire(ctx, c.options, c.dir, l.revision, there)
		if err != nil {
			return Model{}, err
		}
		c.options.Progress.wait("")
		if lease == nil || there() {
			if lease != nil {
				lease.release()
			}
			return c.published(l.revision)
		}
		err = c.fetch(held, s, l, lease.number)
		lost := errors.Is(context.Cause(held), errLeaseLost)
		lease.release()
		if lost && err != nil && ctx.Err() == nil {
			c.options.Log.Warn("the fetch was taken over", "reason", err.Error())
			continue
		}
		if err != nil {
			return Model{}, err
		}
		m, err := c.published(l.revision)
		m.Fetched = err == nil
		return m, err
	}
}

// fetch fills the partial folder and publishes it by one rename.
func (c *cache) fetch(ctx context.Context, s source, l listing, number int) error {
	c.options.Progress.begin()
	partial, err := c.adopt(l.revision, number)
	if err != nil {
		return err
	}
	t := &transfer{options: c.options, source: s, listing: l, model: filepath.Join(partial, "model"), journals: filepath.Join(partial, "journal")}
	if l.layers {
		return c.fetchLayers(ctx, t, partial)
	}
	for _, dir := range []string{t.model, t.journals} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return explainDisk(dir, err)
		}
	}
	var all []file
	for _, choose := range []func() ([]file, error){l.smallFiles, func() ([]file, error) { return l.weightFiles(t.model) }} {
		files, err := choose() // the weights are named by one of the small files
		if err != nil {
			return permanentError{err}
		}
		if files, err = t.described(ctx, files); err != nil {
			return err
		}
		if err := t.fetch(ctx, files, true); err != nil {
			return err
		}
		all = append(all, files...)
	}
	return c.publish(ctx, l.revision, partial, all)
}

func (t *transfer) described(ctx context.Context, files []file) ([]file, error) {
	all := make([]file, len(files))
	for i, f := range files {
		err := t.options.ask(ctx, "asking about "+f.name, func(ctx context.Context) (err error) { all[i], err = t.source.describe(ctx, f); return err })
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
