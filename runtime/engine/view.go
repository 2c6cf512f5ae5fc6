package engine

import (
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/kv"
)

// viewOf shows a sequence to the model.
func viewOf(s *kv.Sequence) backend.KVView {
	return backend.KVView{Position: s.Position, Version: s.Version, Layers: appendLayers(nil, s)}
}

func appendLayers(to []backend.LayerKV, s *kv.Sequence) []backend.LayerKV {
	for _, t := range s.Tables {
		to = append(to, backend.LayerKV{Pages: t.Pages, Len: t.Rows})
	}
	return to
}
