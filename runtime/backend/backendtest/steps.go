package backendtest

import (
	"encoding/binary"
	"math"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/sampling"
)

// loads brings values that every type holds exactly: eighths up to 127, and what bf16 and f16 have at their ends.
func (s *suite) loads() {
	const rows, cols = 31, 33
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(s.random.IntN(256)-128) / 8
	}
	for _, c := range []struct {
		from backend.DType
		put  func([]byte, float32) []byte
	}{
		{backend.F32, func(to []byte, v float32) []byte {
			return binary.LittleEndian.AppendUint32(to, math.Float32bits(v))
		}},
		{backend.BF16, func(to []byte, v float32) []byte {
			return binary.LittleEndian.AppendUint16(to, uint16(math.Float32bits(v)>>16))
		}},
		{backend.F16, func(to []byte, v float32) []byte { return binary.LittleEndian.AppendUint16(to, half(v)) }},
	} {
		for _, p := range []backend.Precision{backend.Working, backend.Exact} {
			var raw []byte
			for _, v := range x {
				raw = c.put(raw, v)
			}
			dst := s.stored(rows+2, cols, make([]float32, (rows+2)*cols), p)
			s.b.Load(dst.Slice(1, rows+1), raw, c.from)
			want := append(append(make([]float64, cols), double(x)...), make([]float64, cols)...)
			s.expect("rows of "+string(c.from), dst, want)
			flat := s.stored(1, cols, make([]float32, cols), p)
			s.b.Load(flat.Flat(3, 5), raw[:5*c.from.Bytes()], c.from)
			want = make([]float64, cols)
			copy(want[3:], double(x[:5]))
			s.expect("a part of a row of "+string(c.from), flat, want)
		}
	}
}

// half narrows a value that an f16 holds exactly and that is no subnormal one.
func half(v float32) uint16 {
	bits := math.Float32bits(v)
	if v == 0 {
		return uint16(bits >> 16)
	}
	return uint16(bits>>16&0x8000 | (bits>>23&255-112)<<10 | bits>>13&1023)
}

// staged looks tokens up, and turns positions into angles; some tokens are those chosen in the step before.
func (s *suite) staged() {
	const vocab, cols, dim = 33, 31, 30
	table, inverse := s.normal(vocab*cols, 1), make([]float32, dim/2)
	for i := range inverse {
		inverse[i] = 1 / float32(math.Pow(10000, float64(2*i)/dim))
	}
	device, frequencies := s.tensor(vocab, cols, table), s.exact(1, dim/2, inverse)
	s.choose(5, 7, vocab)
	s.choose(0, 32, vocab)
	b := s.stage(backend.Sequence{Rows: 3, Tokens: []int32{1, backend.Slot(5), 30}, Slot: backend.NoSlot, KV: backend.KVView{Position: 4000}},
		backend.Sequence{Rows: 1, Tokens: []int32{backend.Slot(0)}, Slot: backend.NoSlot})
	if b.Rows() != 4 {
		s.Errorf("the batch has %d rows, 4 wanted", b.Rows())
	}
	x, angles := s.filled(4, cols), s.exact(4, dim, make([]float32, 4*dim))
	s.b.Embed(x, device, b)
	s.b.Angles(angles, frequencies, b)
	var rows, turns []float64
	for i, token := range []int{1, 7, 30, 32} {
		rows = append(rows, double(table[token*cols:(token+1)*cols])...)
		position, sines := float32([]int{4000, 4001, 4002, 0}[i]), []float64(nil)
		for _, f := range inverse {
			turns, sines = append(turns, math.Cos(float64(position*f))), append(sines, math.Sin(float64(position*f)))
		}
		turns = append(turns, sines...)
	}
	s.expect("embedded tokens", x, rows)
	s.expect("angles", angles, turns)
}

// choose samples a token into a slot.
func (s *suite) choose(slot, token int32, vocab int) {
	s.Helper()
	logits := make([]float32, vocab)
	logits[token] = 9
	b := s.stage(backend.Sequence{Rows: 1, Slot: slot})
	s.b.Sample(s.exact(1, vocab, logits), b)
}

// choices compares with the host's: greedy, ties, every restriction, log-probabilities, rows that cannot be used.
func (s *suite) choices() {
	for _, vocab := range []int{1, 31, 33, 4097} {
		var step []backend.Sequence
		var logits []float32
		for i, d := range []sampling.Draw{{}, {Top: 3}, {Temperature: 1}, {Temperature: .7, TopK: 3}, {Temperature: 1.3, TopP: .8}, {Temperature: 1, TopK: 20, TopP: .5}, {}, {}} {
			if d.Temperature > 0 {
				d.Point = s.random.Float64()
			}
			step = append(step, backend.Sequence{Rows: 1, Slot: int32(i), Draw: d})
			logits = append(logits, s.normal(vocab, 3)...)
		}
		last := logits[7*vocab:]
		for i := range last {
			last[i] = float32(math.Inf(-1))
		}
		logits[6*vocab+vocab-1] = 50
		if vocab > 1 {
			logits[6*vocab+vocab/2] = 50 // a tie: the lower token wins
		}
		b := s.stage(step...)
		s.b.Sample(s.exact(len(step), vocab, logits), b)
		for range backend.BatchesAlive - 1 {
			s.stage(step[0]) // the choices outlive what comes after them
			s.choose(0, 0, vocab)
		}
		got, err := s.b.Sampled(b)
		if err != nil || len(got) != len(step) {
			s.Fatalf("%d choices for %d sequences: %v", len(got), len(step), err)
		}
		for i, q := range step {
			s.compareChoice(shape(vocab, i), got[i], logits[i*vocab:(i+1)*vocab], q.Draw)
		}
	}
}

func (s *suite) compareChoice(name string, got sampling.Choice, logits []float32, d sampling.Draw) {
	s.Helper()
	var host sampling.Chooser
	want, err := host.Choose(logits, d)
	if err != nil {
		if got.Token != sampling.NoToken {
			s.Errorf("choice %s: token %d, none wanted", name, got.Token)
		}
		return
	}
	if got.Token != want.Token || math.Abs(float64(got.LogProb-want.LogProb)) > s.tolerance*10 || len(got.Top) != len(want.Top) {
		s.Errorf("choice %s: %+v, %+v wanted", name, got, want)
		return
	}
	for i, w := range want.Top {
		if got.Top[i].Token != w.Token || math.Abs(float64(got.Top[i].LogProb-w.LogProb)) > s.tolerance*10 {
			s.Errorf("choice %s: alternative %d is %+v, %+v wanted", name, i, got.Top[i], w)
		}
	}
}

// rotation appends rows of one KV head's width and reads the keys back.
func (s *suite) rotation() {
	for _, h := range s.shapes.Cache {
		for _, rows := range []int{1, 31, 33} {
			p := s.reserve(8, h)
			x, angles := s.normal(rows*h.Width(), 1), s.normal(rows*h.Dim, 1)
			qkv, alone := s.tensor(rows, h.Width(), x), s.tensor(rows, h.Width(), x)
			kv := backend.LayerKV{Pages: p.take(backend.Pages(rows))}
			b := s.stage(backend.Sequence{Rows: rows, Slot: backend.NoSlot, KV: backend.KVView{Layers: []backend.LayerKV{kv}}})
			s.b.Append(qkv, s.exact(rows, h.Dim, angles), 0, b, h)
			want := double(x)
			var queries, keys, values []float64
			all := make([]int32, rows)
			for r := range rows {
				all[r] = int32(r)
				for head := range h.Query + h.KV {
					at := r*h.Width() + head*h.Dim
					for j := range h.Dim / 2 {
						a, b := float64(x[at+j]), float64(x[at+j+h.Dim/2])
						c, sin := float64(angles[r*h.Dim+j]), float64(angles[r*h.Dim+h.Dim/2+j])
						want[at+j], want[at+j+h.Dim/2] = a*c-b*sin, b*c+a*sin
					}
				}
				row := want[r*h.Width() : (r+1)*h.Width()]
				queries = append(queries, row[:h.Query*h.Dim]...)
				keys, values = append(keys, row[h.Query*h.Dim:(h.Query+h.KV)*h.Dim]...), append(values, row[(h.Query+h.KV)*h.Dim:]...)
			}
			kv.Len = rows
			gotKeys, gotValues := make([]float32, len(keys)), make([]float32, len(values))
			s.b.ReadRows(gotKeys, gotValues, kv, all)
			name := shape(rows, h.Query, h.KV, h.Dim)
			s.compare("rotated keys "+name, gotKeys, keys)
			s.compare("appended values "+name, gotValues, values)
			turned := s.filled(rows, h.Query*h.Dim)
			s.b.Gather(turned, qkv, all)
			s.expect("rotated queries "+name, turned, queries)
			s.b.Turn(alone, s.exact(rows, h.Dim, angles), h)
			s.expect("rotated rows without a cache "+name, alone, want)
		}
	}
}
