package cuda

import (
	"math/rand/v2"
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/backend"
)

// toy is a model of one product: the next token is the one whose row of head is nearest to the last one's row of table.
type toy struct {
	b                      *Backend
	table, head, x, logits backend.Tensor
	batch                  backend.Batch
}

const toyVocab, toyWidth = 257, 64

func newToy(t *testing.T, b *Backend, rows int) *toy {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	make2 := func(rows, cols int, p backend.Precision) backend.Tensor {
		tensor, err := b.Alloc(rows, cols, p)
		if err != nil {
			t.Fatal(err)
		}
		values := make([]float32, rows*cols)
		for i := range values {
			values[i] = float32(random.NormFloat64())
		}
		b.Write(tensor, values)
		return tensor
	}
	return &toy{b: b, table: make2(toyVocab, toyWidth, backend.Working), head: make2(toyVocab, toyWidth, backend.Working),
		x: make2(rows, toyWidth, backend.Working), logits: make2(rows, toyVocab, backend.Exact)}
}

func (m *toy) ops() {
	m.b.Embed(m.x, m.table, m.batch)
	m.b.Linear(m.logits, m.x, m.head, backend.Tensor{}, false)
	m.b.Sample(m.logits, m.batch)
}

// answer feeds each sequence its own last token, n times.
func (m *toy) answer(t *testing.T, step []backend.Sequence, n int, run func()) (tokens []int32) {
	t.Helper()
	for i := range step {
		step[i].Tokens[0] = int32(i)
	}
	for range n {
		var err error
		if m.batch, err = m.b.Stage(step); err != nil {
			t.Fatal(err)
		}
		run()
		choices, err := m.b.Sampled(m.batch)
		if err != nil {
			t.Fatal(err)
		}
		for i := range step {
			tokens = append(tokens, choices[i].Token)
			step[i].Tokens[0] = backend.Slot(int32(i))
		}
	}
	return tokens
}

func steps(n int) []backend.Sequence {
	var step []backend.Sequence
	for i := range n {
		step = append(step, backend.Sequence{Rows: 1, Tokens: []int32{0}, Slot: int32(i)})
	}
	return step
}

func TestAReplayedStepDoesWhatItsOpsDo(t *testing.T) {
	for name, path := range devices(t) {
		t.Run(name, func(t *testing.T) {
			b := open(t, path)
			m, step := newToy(t, b, 3), steps(3)
			want := m.answer(t, step, 6, m.ops)
			got := m.answer(t, step, 6, func() { b.Capture("toy", m.ops) })
			if !slices.Equal(got, want) {
				t.Errorf("replayed steps choose %v, ops alone %v", got, want)
			}
			if g := b.graphs["toy"]; g == nil || g.handle == 0 || len(g.holds) != 4 {
				t.Errorf("the graph is %+v", g)
			}
			b.Free(m.x)
			if b.graphs["toy"] != nil {
				t.Error("a graph holds memory that is free")
			}
			m.x = newToy(t, b, 3).x
			if again := m.answer(t, step, 3, func() { b.Capture("toy", m.ops) }); !slices.Equal(again, want[:9]) {
				t.Errorf("after its memory was replaced it chooses %v, want %v", again, want[:9])
			}
			if err := b.Sync(); err != nil {
				t.Error(err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASteadyStepAllocatesNothing(t *testing.T) {
	for name, path := range devices(t) {
		t.Run(name, func(t *testing.T) {
			b := open(t, path)
			m, step := newToy(t, b, 2), steps(2)
			m.answer(t, step, 5, func() { b.Capture("toy", m.ops) })
			record := m.ops
			if n := testing.AllocsPerRun(20, func() {
				m.batch, _ = b.Stage(step)
				b.Capture("toy", record)
				if _, err := b.Sampled(m.batch); err != nil {
					t.Error(err)
				}
			}); n > 0 {
				t.Errorf("a step allocates %v times", n)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What cannot be captured is refused, and the next step runs.
func TestACaptureThatFailsLeavesTheBackendUsable(t *testing.T) {
	for name, path := range devices(t) {
		t.Run(name, func(t *testing.T) {
			b := open(t, path)
			m, step := newToy(t, b, 1), steps(1)
			want := m.answer(t, step, 2, m.ops)
			bad := func() { b.Gather(m.x, m.table, []int32{0}); m.ops() }
			for range 2 {
				if _, err := b.Stage(step); err != nil {
					t.Fatal(err)
				}
				b.Capture("bad", bad)
			}
			if err := b.Sync(); err == nil {
				t.Error("a list of rows was captured")
			}
			if got := m.answer(t, step, 2, func() { b.Capture("toy", m.ops) }); !slices.Equal(got, want) {
				t.Errorf("the steps after it choose %v, want %v", got, want)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
