package engine

import (
	"container/list"
	"crypto/sha256"

	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/model"
)

// pictures are the rows that the vision tower made of pictures, in host memory; those that were used longest ago go first. They hold
// nothing of a prompt, but tenants are kept apart all the same: who sees how fast a picture is answered learns who else sent it.
type pictures struct {
	room, bytes int64
	recent      list.List // of *picture, those used last first
	known       map[pictureKey]*list.Element
}

type pictureKey struct {
	tenant string
	digest [sha256.Size]byte
}

type picture struct {
	key    pictureKey
	values []float32
}

func newPictures(room int64) *pictures {
	return &pictures{room: room, known: map[pictureKey]*list.Element{}}
}

func (p *pictures) find(k pictureKey) []float32 {
	at := p.known[k]
	if at == nil {
		return nil
	}
	p.recent.MoveToFront(at)
	return at.Value.(*picture).values
}

func (p *pictures) keep(k pictureKey, values []float32) {
	size := func(v []float32) int64 { return 4 * int64(len(v)) }
	if p.known[k] != nil || size(values) > p.room {
		return
	}
	for p.bytes+size(values) > p.room {
		last := p.recent.Back()
		old := last.Value.(*picture)
		p.bytes -= size(old.values)
		delete(p.known, old.key)
		p.recent.Remove(last)
	}
	p.bytes += size(values)
	p.known[k] = p.recent.PushFront(&picture{k, values})
}

// encode makes rows of pictures. Where prompts are cached each picture goes through the tower by itself, so that its rows are the same
// whether those beside it are known or not.
func (e *Engine) encode(px []image.Pixels, keys []pictureKey) (v model.Visual, err error) {
	if e.prefixes == nil {
		return e.model.EncodeImages(px)
	}
	parts, known := make([]model.Visual, 0, len(px)), 0
	defer func() {
		for _, p := range parts {
			p.Release()
		}
	}()
	for i := range px {
		part, found, err := e.encodeOne(px[i], keys[i])
		if err != nil {
			return model.Visual{}, err
		}
		if parts = append(parts, part); found {
			known++
		}
	}
	if rec, ok := e.opts.Recorder.(PrefixRecorder); ok {
		rec.Seen(len(px), known)
	}
	if len(parts) == 1 {
		v, parts = parts[0], nil
		return v, nil
	}
	return e.model.Join(parts)
}

func (e *Engine) encodeOne(px image.Pixels, k pictureKey) (v model.Visual, known bool, err error) {
	if e.pictures == nil || k.digest == ([sha256.Size]byte{}) {
		v, err = e.model.EncodeImages([]image.Pixels{px})
		return v, false, err
	}
	if values := e.pictures.find(k); values != nil {
		v, err = e.model.WriteVisual(px, values)
		return v, true, err
	}
	if v, err = e.model.EncodeImages([]image.Pixels{px}); err != nil {
		return v, false, err
	}
	values, err := e.model.ReadVisual(v)
	if err != nil {
		v.Release()
		return model.Visual{}, false, err
	}
	e.pictures.keep(k, values)
	return v, false, nil
}
