package engine_test

import (
	"context"
	"fmt"
	"testing"

	"aircache.dev/aircache/runtime/engine"
)

// BenchmarkServing answers 16 questions at once at 100 permille, with shadows for none, a tenth and all of them.
func BenchmarkServing(b *testing.B) {
	for _, permille := range []int32{0, 100, 1000} {
		b.Run(fmt.Sprintf("shadows=%d", permille), func(b *testing.B) {
			found := agreements{seen: make(chan engine.Agreement, 4096)}
			e := startWith(b, airCache, 100, 64<<20, found, func(o *engine.Options) { o.ShadowPermille = permille })
			p := processor(b)
			var requests []engine.Request
			for _, q := range someQuestions(b)[:4] {
				requests = append(requests, q.request(b, p))
			}
			b.ResetTimer()
			tokens, steps := 0, 0
			for b.Loop() {
				var handles []*engine.Handle
				for i := range 16 {
					handles = append(handles, ask(b, e, requests[i%4]))
				}
				for _, h := range handles {
					tokens += len(listen(b, h).tokens)
				}
			}
			if err := e.Drain(context.Background()); err != nil {
				b.Fatal(err)
			}
			close(found.seen)
			for a := range found.seen {
				steps += a.Steps
			}
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(float64(steps)/float64(b.N), "shadow-steps/op")
		})
	}
}
