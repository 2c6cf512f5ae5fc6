package model

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/image"
)

// Shapes of the benchmarks: one picture and a short question.
const benchTokens = 576 + 40

// prompt is one picture of the tiny model and 40 text tokens.
func benchPrompt(m *LLaVA) ([]int32, []image.Pixels) {
	tokens := make([]int32, benchTokens)
	for i := range tokens {
		tokens[i] = int32(i % 1000)
		if i >= 20 && i < 20+m.config.VisualTokens {
			tokens[i] = m.config.ImageToken
		}
	}
	px := image.Pixels{C: 3, H: 336, W: 336, Data: make([]float32, 3*336*336)}
	for i := range px.Data {
		px.Data[i] = float32(i%255)/127.5 - 1
	}
	return tokens, []image.Pixels{px}
}

// matrixFLOPs are two operations a weight and row.
func (m *LLaVA) matrixFLOPs(visionRows, textRows, logitRows int) float64 {
	v, d := m.tower.visionSettings, m.decoder.textSettings
	tower := v.layers*(4*v.hidden*v.hidden+2*v.hidden*v.intermediate) + v.channels*v.patch*v.patch*v.hidden + v.hidden*d.hidden + d.hidden*d.hidden
	text := d.layers * (d.hidden*d.heads.Width() + d.heads.Query*d.heads.Dim*d.hidden + 3*d.hidden*d.intermediate)
	return 2 * (float64(visionRows*tower) + float64(textRows*text) + float64(logitRows*d.hidden*d.vocab))
}

// attentionFLOPs: scores and sums, the decoder's causal half.
func (m *LLaVA) attentionFLOPs(visionRows, textRows int) float64 {
	v, d := m.tower.visionSettings, m.decoder.textSettings
	return 4*float64(v.layers*v.hidden*visionRows*visionRows) + 2*float64(d.layers*d.heads.Query*d.heads.Dim*textRows*textRows)
}

// meter also counts the processor's time, which says more than the clock on a machine that others share.
type meter struct{ before unix.Rusage }

func (r *meter) start(b *testing.B) {
	b.Helper()
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r.before); err != nil {
		b.Fatal(err)
	}
}

func (r *meter) report(b *testing.B, flops float64) {
	b.Helper()
	var after unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	used := after.Utime.Nano() + after.Stime.Nano() - r.before.Utime.Nano() - r.before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

func BenchmarkPicture(b *testing.B) {
	for _, library := range libraries(b) {
		b.Run(string(library), func(b *testing.B) {
			m := loadTiny(b, library, 8*100)
			_, px := benchPrompt(m)
			var r meter
			r.start(b)
			for b.Loop() {
				if _, err := m.EncodeImages(px); err != nil {
					b.Fatal(err)
				}
			}
			r.report(b, m.matrixFLOPs(576, 0, 0)+m.attentionFLOPs(576, 0))
		})
	}
}

func BenchmarkPrefill(b *testing.B) {
	for _, library := range libraries(b) {
		b.Run(string(library), func(b *testing.B) {
			m := loadTiny(b, library, 8*100)
			tokens, px := benchPrompt(m)
			v, err := m.EncodeImages(px)
			if err != nil {
				b.Fatal(err)
			}
			kv := (&dealer{}).view(m.config.Layers, benchTokens)
			var r meter
			r.start(b)
			for b.Loop() {
				if _, err := m.Prefill(tokens, v, kv, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
			r.report(b, m.matrixFLOPs(0, benchTokens, 1)+m.attentionFLOPs(0, benchTokens))
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, library := range libraries(b) {
		for _, size := range []int{1, 2, 8, 32} {
			b.Run(fmt.Sprintf("%s/batch=%d", library, size), func(b *testing.B) { benchDecode(b, library, size) })
		}
	}
}

// benchDecode repeats the step after a prompt: the same row is written again and again.
func benchDecode(b *testing.B, library cpu.BLAS, size int) {
	m := loadTiny(b, library, size*8*40)
	pages, batch := &dealer{}, make([]DecodeRow, size)
	for i := range batch {
		kv := pages.view(m.config.Layers, benchTokens+1)
		advance(&kv, benchTokens)
		batch[i] = DecodeRow{Token: int32(i), KV: kv}
	}
	b.ReportAllocs()
	var r meter
	r.start(b)
	for b.Loop() {
		if _, err := m.Decode(batch); err != nil {
			b.Fatal(err)
		}
	}
	r.report(b, float64(size)*m.matrixFLOPs(0, 1, 1))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/token")
}
