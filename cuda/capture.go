package cuda

import (
	"maps"
	"unsafe"
)

// graph is a step that was recorded.
type graph struct {
	handle uintptr
	holds  map[*memory]bool // memory whose addresses are in it
	vocab  int              // of the logits that it samples from; 0: it does not
}

// Capture runs a step as it is when its key is first seen, so that products are tuned and kernels loaded; records it the second
// time; and launches the record from then on.
func (b *Backend) Capture(key string, record func()) {
	g, seen := b.graphs[key]
	if !seen {
		b.graphs[key] = &graph{holds: map[*memory]bool{}}
		record()
		return
	}
	if g.handle == 0 && !b.record(g, record) {
		delete(b.graphs, key)
		return
	}
	p := b.graph(g)
	b.run(b.library.graphLaunch, unsafe.Pointer(p))
	b.steps[b.staged].vocab = g.vocab
}

// record turns the ops of a step into a graph without running them.
func (b *Backend) record(g *graph, ops func()) bool {
	if b.err != nil || !b.run(b.library.captureBegin, unsafe.Pointer(b.graph(g))) {
		return false
	}
	b.recording = g
	ops()
	b.recording = nil
	p := b.graph(g)
	ended := b.run(b.library.captureEnd, unsafe.Pointer(p))
	g.handle = p.graph
	if b.err != nil && g.handle != 0 {
		b.run(b.library.graphFree, unsafe.Pointer(b.graph(g)))
		g.handle = 0
	}
	return ended && g.handle != 0
}

func (b *Backend) graph(g *graph) *graphParams {
	b.call.graph = graphParams{size: size(&b.call.graph), context: b.context, graph: g.handle}
	return &b.call.graph
}

// dropGraphs forgets those that match; their keys are recorded again when they come.
func (b *Backend) dropGraphs(match func(*graph) bool) {
	maps.DeleteFunc(b.graphs, func(_ string, g *graph) bool {
		if !match(g) {
			return false
		}
		if g.handle != 0 {
			b.run(b.library.graphFree, unsafe.Pointer(b.graph(g)))
		}
		return true
	})
}
