package engine

import (
	"errors"
	"fmt"
	"time"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/kv"
	"aircache.dev/aircache/runtime/model"
)

// filling is a prompt on its way into the cache. As the watcher of its prefill it takes a layer's pages just before the layer
// runs, and right after it gives back those of the rows that the policy evicts, of this layer and of those before it: the
// prompt never holds more than what is kept and one whole layer.
type filling struct {
	engine  *Engine
	job     *job
	view    backend.KVView
	device  bool              // it is compacted at its end, by the device
	cascade *compress.Cascade // nil: everything stays
	whole   string            // why
	shadow  *kv.Promise       // of the pages that keep the whole prompt for a comparison; nil: what is evicted is gone
	paired  bool              // the other arm's cache is compared too
	other   *compress.Cascade // what it keeps
	held    [][][]int32       // per layer: the prompt rows that its cache holds, one list or one for each KV head; nil: all
	start   time.Time
	left    int // rows to prefill, over all layers
	reuse   reuse
	talk    *talk // that it goes on with; nil: none
	scoring time.Duration
	report  Prefill // once it has ended
}

func (e *Engine) newFilling(j *job, permille int) *filling {
	f := &filling{engine: e, job: j, whole: j.whole, view: viewOf(j.sequence), held: make([][][]int32, e.config.Layers)}
	_, f.device = e.copied(j, e.demand(j, permille, answerRows(j.maxTokens)))
	if j.whole == "" && !f.device {
		f.cascade = compress.NewCascade(e.opts.Policy, e.quota(j, permille))
	}
	return f
}

// rows is how many the prompt adds to each layer's table: all of it, or what is behind the turn before.
func (f *filling) rows() int {
	if f.talk != nil {
		return f.job.prompt.Rows - f.reuse.rows
	}
	return f.job.prompt.Rows
}

// Before takes the layer's pages.
func (f *filling) Before(layer int) error {
	s := f.job.sequence
	if err := s.RoomIn(layer, f.rows()); err != nil {
		return err
	}
	f.view.Layers[layer].Pages = s.Tables[layer].Pages
	if err := f.copyPrefix(layer); err != nil {
		return err
	}
	if f.shadow == nil { // what a shadow keeps is no load
		f.engine.publish() // with the last layer's pages comes the prompt's true peak
	}
	return nil
}

// After ranks the layer's rows and shrinks all layers seen to what they may keep.
func (f *filling) After(o *model.Observed) error {
	f.job.sequence.WroteIn(o.Layer, f.rows())
	f.keepBlocks(o.Layer)
	if f.cascade == nil {
		return nil
	}
	start := f.engine.opts.Clock()
	defer func() { f.scoring += f.engine.opts.Clock().Sub(start) }()
	ranking, err := compress.RankLayer(f.engine.opts.Policy, f.job.prompt, o.Layer, scorer{f.engine.model, f.engine.config, o, f.job.prompt.Shown()})
	if f.other != nil && err == nil {
		f.other.Add(ranking)
	}
	switch {
	case errors.Is(err, compress.ErrScores) && f.job.usage.RetentionPermille >= compress.Everything:
		f.cascade, f.whole = nil, err.Error() // nothing is lost: nothing was to be evicted
		return nil
	case err != nil: // a wrong eviction cannot be undone, and there is no room for the whole prompt
		return fmt.Errorf("scoring layer %d: %w", o.Layer, err)
	}
	for layer, kept := range f.cascade.Add(ranking) {
		if kept < len(f.job.prompt.Visual) && f.shadow == nil {
			if err := f.shrink(layer, o.Layer == f.engine.config.Layers-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// shrink compacts a layer to what the cascade lets it keep. Before the last layer has run it does so only where that frees a page.
func (f *filling) shrink(layer int, last bool) error {
	s, table := f.job.sequence, f.job.sequence.Tables[layer]
	selection := f.cascade.Selection(layer)
	rows := f.job.prompt.Rows - len(f.job.prompt.Visual) + len(selection[0])
	if rows == table.Rows || !last && f.engine.shape.PagesFor(rows) == len(table.Pages) {
		return nil
	}
	wanted, at := make([][]int32, len(selection)), make([][]int32, len(selection))
	for i, visual := range selection {
		wanted[i] = f.job.prompt.Kept(visual)
		at[i] = wanted[i]
		if f.held[layer] != nil {
			at[i] = within(f.held[layer][i], wanted[i])
		}
	}
	f.held[layer] = wanted
	return s.Compact(layer, rows, func(src kv.Table, dst []int32) error {
		return f.engine.model.Keep(layer, backend.LayerKV{Pages: src.Pages, Len: src.Rows}, at, dst)
	})
}

// plan is the decision, once all layers have run.
func (f *filling) plan() compress.Plan {
	if f.cascade == nil {
		return compress.WholePlan(f.job.usage.RetentionPermille, f.whole)
	}
	return f.cascade.Plan()
}

// within is where rows lie in a list that has them all; both ascend.
//
//	rows 5 9 of 2 5 7 9   ->  1 3
func within(list, rows []int32) []int32 {
	at := make([]int32, len(rows))
	next := 0
	for i, row := range rows {
		for list[next] != row {
			next++
		}
		at[i] = int32(next)
	}
	return at
}
