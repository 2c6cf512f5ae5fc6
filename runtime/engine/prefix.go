package engine

import (
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// PrefixCache says what is kept of prompts for those that begin alike.
type PrefixCache struct {
	On           bool
	VisionBytes  int64 // of host memory for what the vision tower made of pictures; 0: none is kept
	Keep         bool  // the next turn of a conversation goes on with the compressed cache of the turn before: see talk
	OffloadBytes int64 // of host memory for blocks whose pages were needed; 0: such blocks are forgotten
}

// PrefixRecorder is a Recorder that also wants to know what prompts found in the cache.
type PrefixRecorder interface {
	// Found: of a prompt's tokens, so many were cached.
	Found(tokens, cached int)
	// Seen: of a prompt's pictures that had to be prefilled, so many did not need the vision tower.
	Seen(pictures, cached int)
}

// reuse is what a filling has to do with the prefix cache.
type reuse struct {
	rows, pictures int // of the prompt, that are copied
	position       int // logical, behind them
	chain          []*kv.Block
	promise        *kv.Promise // of the chain's pages, until the last layer has its copy; nil: nothing is read
	layer          struct {    // scratch: a chain's rows in one layer
		pages []int32
		rows  []int32
	}
	drafts []draft
}

// draft is a block of the prompt that nobody has kept yet.
type draft struct {
	block    *kv.Block
	from, to int // rows
}

// keepPrompts starts the caches.
func (e *Engine) keepPrompts() {
	if !e.opts.PrefixCache.On {
		return
	}
	e.prefixes = kv.NewPrefixes(e.pool, kv.Mover{Room: e.opts.PrefixCache.OffloadBytes, Offload: e.offload, Restore: e.restore})
	if e.opts.PrefixCache.Keep {
		e.shelf = kv.NewShelf(e.pool)
	}
	if room := e.opts.PrefixCache.VisionBytes; room > 0 {
		e.pictures = newPictures(room)
	}
}

// findPrefix looks for the prompt's blocks, keeps those that are of use in their pages, and begins those that are missing. A
// request never waits for the cache: where the pages of a prefix cannot be promised to stay, it is computed again.
func (f *filling) findPrefix() {
	e, j, r := f.engine, f.job, &f.reuse
	if e.prefixes == nil {
		return
	}
	if e.shelf != nil && f.goOn() {
		f.tellFound()
		return // rows over a compressed cache are no prefix of anybody's
	}
	found := e.prefixes.Find(keysOf(j.blocks))
	r.chain = found[:f.useful(len(found))]
	if f.pin() {
		last := j.blocks[len(r.chain)-1]
		r.rows, r.pictures = last.end, last.pictures
		r.position = e.config.Span(j.request.Tokens[:r.rows], j.request.Images[:r.pictures])
	} else {
		r.chain, found = nil, e.prefixes.Find(keysOf(j.blocks)) // what could not be read is forgotten
	}
	j.usage.CachedTokens = r.rows
	f.tellFound()
	f.begin(found)
}

func (f *filling) tellFound() {
	if rec, ok := f.engine.opts.Recorder.(PrefixRecorder); ok {
		rec.Found(f.job.prompt.Rows, f.reuse.rows)
	}
}

// useful is how many of the prompt's first blocks may be copied: rows whose queries the policy wants to see are computed.
func (f *filling) useful(found int) int {
	j := f.job
	limit := j.prompt.Rows - 1
	if j.whole == "" && len(j.observe) > 0 {
		limit = min(limit, int(j.observe[0]))
	}
	for found > 0 && j.blocks[found-1].end > limit {
		found--
	}
	return found
}

func (f *filling) pin() bool {
	e, r := f.engine, &f.reuse
	if len(r.chain) == 0 {
		return false
	}
	pages := 0
	for _, b := range r.chain {
		pages += e.prefixes.Size(b)
	}
	promise, err := e.ledger.Reserve(pages)
	if err != nil {
		return false
	}
	if err := e.prefixes.Pin(r.chain); err != nil {
		promise.Release()
		e.opts.Log.Warn("a cached prompt cannot be read", "request", f.job.handle.id, "reason", err)
		return false
	}
	r.promise = promise
	return true
}

// begin drafts the blocks behind those that were found, if all of them could stay beside what the request needs.
func (f *filling) begin(found []*kv.Block) {
	e, j, r := f.engine, f.job, &f.reuse
	var parent *kv.Block
	from, pages := 0, j.promise.Pages()
	if n := len(found); n > 0 {
		if parent = e.prefixes.Last(found); parent == nil {
			return
		}
		from = j.blocks[n-1].end
	}
	for _, b := range j.blocks[len(found):] {
		if pages += e.config.Layers * e.shape.PagesFor(b.end-from); !e.prefixes.Roomy(pages) {
			return
		}
		parent = e.prefixes.Draft(parent, b.key, b.end-from)
		r.drafts = append(r.drafts, draft{parent, from, b.end})
		from = b.end
	}
}

func keysOf(blocks []block) []kv.Key {
	keys := make([]kv.Key, len(blocks))
	for i, b := range blocks {
		keys[i] = b.key
	}
	return keys
}

// rest is the part of the prompt that is prefilled.
func (f *filling) rest(visual model.Visual) model.Prompt {
	j, rows := f.job, f.reuse.rows
	p := model.Prompt{Tokens: j.request.Tokens[rows:], Visual: visual, KV: f.view, Observe: j.observe, Watcher: f,
		Save: f.device, Slot: j.slot, Draw: j.draw()}
	for _, b := range j.blocks {
		if b.end > rows {
			p.Cuts = append(p.Cuts, b.end-rows)
		}
	}
	if rows == 0 {
		return p
	}
	p.KV.Position = f.reuse.position
	if f.talk != nil {
		p.Observe = nil // nothing is scored
		return p
	}
	p.Observe = make([]int32, len(j.observe))
	for i, row := range j.observe {
		p.Observe[i] = row - int32(rows)
	}
	for l := range p.KV.Layers {
		p.KV.Layers[l].Len = rows
	}
	return p
}

// copyPrefix brings the cached rows of a layer into the prompt's own pages.
func (f *filling) copyPrefix(layer int) error {
	r := &f.reuse
	if len(r.chain) == 0 {
		return nil
	}
	r.layer.pages, r.layer.rows = r.layer.pages[:0], r.layer.rows[:0]
	for _, b := range r.chain {
		first := int32(len(r.layer.pages) * f.engine.shape.PageTokens) // every block begins a page
		for i := range int32(b.Rows) {
			r.layer.rows = append(r.layer.rows, first+i)
		}
		r.layer.pages = append(r.layer.pages, b.Tables[layer].Pages...)
	}
	last := r.layer.rows[len(r.layer.rows)-1]
	src := backend.LayerKV{Pages: r.layer.pages, Len: int(last) + 1}
	return f.engine.model.Keep(layer, src, [][]int32{r.layer.rows}, f.view.Layers[layer].Pages)
}

// keepBlocks copies the layer's rows that nobody has kept yet, before it is compacted. What fails here costs the request nothing.
func (f *filling) keepBlocks(layer int) {
	e, table := f.engine, f.job.sequence.Tables[layer]
	for _, d := range f.reuse.drafts {
		if d.block.Dropped() {
			continue
		}
		rows := make([]int32, 0, d.to-d.from)
		for row := d.from; row < d.to; row++ {
			rows = append(rows, int32(row))
		}
		err := e.prefixes.Fill(d.block, layer, func(pages []int32) error {
			return e.model.Keep(layer, backend.LayerKV{Pages: table.Pages, Len: table.Rows}, [][]int32{rows}, pages)
		})
		if err != nil {
			e.opts.Log.Debug("a prompt is not cached", "request", f.job.handle.id, "reason", err)
		}
	}
}

// endReading lets the pool have the prefix's pages again: all layers have their copies.
func (f *filling) endReading() {
	if r := &f.reuse; r.promise != nil {
		f.engine.prefixes.Unpin(r.chain)
		r.promise.Release()
		r.promise, r.chain = nil, nil
	}
}

// publish lets others find the prompt's blocks, once the device has said that all is well; or forgets them.
func (f *filling) publish(well bool) {
	for _, d := range f.reuse.drafts {
		var err error
		switch {
		case d.block.Dropped():
		case well:
			err = f.engine.prefixes.Publish(d.block)
		default:
			err = f.engine.prefixes.Drop(d.block)
		}
		if err != nil {
			f.engine.opts.Log.Error("keeping a prompt's pages failed", "request", f.job.handle.id, "reason", err)
		}
	}
	f.reuse.drafts = nil
}

// cachedPages are all of the prefix cache's, and those that are promised to stay for now. Neither is load: the former are free as
// soon as a request needs them, and the latter once a prompt that is on its way has read them.
func (e *Engine) cachedPages() (cached, promised int) {
	if e.prefixes == nil {
		return 0, 0
	}
	cached = e.prefixes.Pages()
	if e.shelf != nil {
		cached += e.shelf.Pages()
	}
	if e.filling != nil && e.filling.reuse.promise != nil {
		promised = e.filling.reuse.promise.Pages()
	}
	return cached, promised
}

// hostBlock is a block's pages, layer by layer.
type hostBlock []byte

func (b hostBlock) Bytes() int64 { return int64(len(b)) }

// offload copies a block whose pages are needed.
func (e *Engine) offload(b *kv.Block) (kv.Host, error) {
	pages := pagesOf(b)
	data := make(hostBlock, e.shape.Bytes(len(pages)))
	err := e.contain("moving a cached prompt to the host", func() error { return e.model.ReadPages(data, pages) })
	return data, err
}

// restore brings it back, to other pages.
func (e *Engine) restore(b *kv.Block, from kv.Host) error {
	return e.contain("bringing a cached prompt back", func() error { return e.model.WritePages(pagesOf(b), from.(hostBlock)) })
}

func pagesOf(b *kv.Block) (pages []int32) {
	for _, t := range b.Tables {
		pages = append(pages, t.Pages...)
	}
	return pages
}

func (e *Engine) offloaded() int64 {
	if e.prefixes == nil {
		return 0
	}
	return e.prefixes.HostBytes()
}
