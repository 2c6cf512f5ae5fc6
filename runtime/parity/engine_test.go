package parity

import (
	"context"
	"slices"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/eval"
	"aircache.dev/aircache/runtime/model"
)

// The engine keeps positions apart from rows: with M-RoPE a prompt takes fewer of them, and an evicted cache holds fewer rows
// still. Whole caches answer as transformers; evicted ones count on from the same position.
func TestTheEngineCountsPositionsAsTransformers(t *testing.T) {
	const folder = "testdata/qwen2-vl"
	device, err := cpu.New(cpu.Options{Threads: 2})
	must(t, err)
	t.Cleanup(func() { must(t, device.Close()) })
	m, err := model.Load(folder+"/model", device)
	must(t, err)
	study, err := engine.NewStudy(m, 32<<20, time.Now)
	must(t, err)
	reader, err := eval.OpenReader(folder+"/model", m.Config())
	must(t, err)
	for _, g := range read(t, folder) {
		p, err := reader.Prompt(eval.Item{Pictures: g.pictures(t, folder), Question: g.Question}, len(g.Greedy))
		must(t, err)
		policy := compress.AirCache{Options: compress.Defaults()}
		c, err := study.Prompt(context.Background(), p.Tokens, p.Images, len(g.Greedy), policy)
		must(t, err)
		if got := c.Answer(); !slices.Equal(got, g.Greedy[:len(got)]) || len(got) == 0 {
			t.Errorf("%s: the engine answers %v, transformers %v", g.Name, got, g.Greedy)
		}
		out, err := c.Run(policy, 1000)
		must(t, err)
		if out.FirstDisagreement != -1 {
			t.Errorf("%s: with everything kept token %d differs", g.Name, out.FirstDisagreement)
		}
		must(t, c.Close())
	}
}
