package backendtest

import (
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
)

// Oracle makes a backend a Compressor by what package compress decides, layer by layer through the Scorer: what a device that
// compresses by itself is compared with.
type Oracle struct{ backend.Backend }

var _ backend.Compressor = Oracle{}

// Compresses all options.
func (Oracle) Compresses(compress.Options) bool { return true }

// Compress decides and copies at once.
func (o Oracle) Compress(c backend.Compression) (backend.Ticket, error) {
	policy := compress.AirCache{Options: c.Options}
	var done oracleTicket
	var rankings []compress.Ranking
	for layer, kv := range c.Sources {
		s := &oracleScorer{b: o.Backend, c: &c, kv: kv, q: c.Queries[layer]}
		r, err := compress.RankLayer(policy, c.Prompt, layer, s)
		if err != nil {
			done.err = err
			return done, nil
		}
		rankings = append(rankings, r)
		done.result.Elite = append(done.result.Elite, r.Elite)
		done.result.Scores = append(done.result.Scores, s.scaled...)
	}
	if len(c.Pages) == 0 {
		return done, nil
	}
	plan := compress.Decide(policy, rankings, compress.Quota{Visual: len(c.Prompt.Visual), Layers: len(c.Sources), Permille: c.Permille})
	done.result.Kept = plan.Budgets
	pages := c.Pages
	for layer, kv := range c.Sources {
		var rows [][]int32
		for _, visual := range rankings[layer].Top(plan.Budgets[layer]) {
			rows = append(rows, c.Prompt.Kept(visual))
		}
		o.Backend.Keep(kv, rows, pages)
		pages = pages[backend.Pages(len(rows[0])):]
	}
	return done, o.Backend.Sync()
}

type oracleTicket struct {
	result backend.Compressed
	err    error
}

func (t oracleTicket) Result() (backend.Compressed, error) { return t.result, t.err }

// oracleScorer asks the backend about one layer.
type oracleScorer struct {
	b      backend.Backend
	c      *backend.Compression
	kv     backend.LayerKV
	q      backend.Tensor
	scaled []float32 // importance as the policy uses it: it multiplies in place
}

func (s *oracleScorer) Relevance() ([]float32, error) {
	p := make([]float32, len(s.c.Prompt.Observe))
	s.b.Relevance(p, s.q, s.kv, s.c.Prompt.Observe, s.c.Heads)
	return p, s.b.Sync()
}

func (s *oracleScorer) Importance(elite []int, counts []float32, byHead bool) ([]float32, error) {
	shown, lists := s.c.Prompt.Shown(), 1
	if byHead {
		lists = s.c.Heads.KV
	}
	s.scaled = make([]float32, lists*len(shown))
	s.b.Importance(s.scaled, s.q, s.kv, backend.Window{Rows: s.c.Prompt.Observe, Elite: elite, Counts: counts, Visual: shown, ByHead: byHead}, s.c.Heads)
	return s.scaled, s.b.Sync()
}

func (s *oracleScorer) Columns(weights []float32) ([]float32, error) {
	sums := make([]float32, s.kv.Len)
	s.b.Columns(sums, s.q, s.kv, backend.Weighted{Rows: s.c.Prompt.Observe, Weights: weights}, s.c.Heads)
	return sums, s.b.Sync()
}

func (s *oracleScorer) Density(bar float32) ([]float32, error) {
	shares := make([]float32, len(s.c.Prompt.Observe))
	s.b.Density(shares, s.q, s.kv, s.c.Prompt.Observe, bar, s.c.Heads)
	return shares, s.b.Sync()
}

func (s *oracleScorer) Rows() (compress.Rows, error) {
	shown, h := s.c.Prompt.Shown(), s.c.Heads
	n := len(shown) * h.KV * h.Dim
	rows := compress.Rows{Heads: h.KV, Dim: h.Dim, Keys: make([]float32, n), Values: make([]float32, n)}
	s.b.ReadRows(rows.Keys, rows.Values, s.kv, shown)
	return rows, s.b.Sync()
}
