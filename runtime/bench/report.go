package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
)

// Report is what a run measured.
type Report struct {
	Settings Settings `json:"settings"`
	Figures  []Figure `json:"figures"`
}

// Settings are what the figures depend on, beside their cases.
type Settings struct {
	Code     string            `json:"code"`  // the commit of the program, as far as it knows
	Model    string            `json:"model"` // folder or shape
	Device   string            `json:"device"`
	Driver   string            `json:"driver,omitempty"`
	Host     string            `json:"host"` // processor cores, system, Go
	Seed     uint64            `json:"seed"`
	Repeat   int               `json:"repeat"`
	Policy   string            `json:"policy"`
	Ceilings Ceilings          `json:"ceilings"`
	Versions map[string]string `json:"versions,omitempty"` // of the peers
}

// Case is what was measured. What does not apply is 0.
type Case struct {
	What     string `json:"what"`
	Metric   string `json:"metric"`
	Batch    int    `json:"batch,omitempty"`
	Visual   int    `json:"visual,omitempty"`   // visual tokens of a sequence, before compression
	Text     int    `json:"text,omitempty"`     // tokens of a sequence that always stay
	Permille int    `json:"permille,omitempty"` // of the visual tokens that stay
	Tokens   int    `json:"tokens,omitempty"`   // of a prompt
	Tiles    int    `json:"tiles,omitempty"`
}

// Figure is one measured number.
type Figure struct {
	Case
	Unit    string  `json:"unit"`
	Value   float64 `json:"value"`         // the median
	Low     float64 `json:"low,omitempty"` // a tenth of the repeats is below this
	High    float64 `json:"high,omitempty"`
	Repeats int     `json:"repeats,omitempty"`
	Work    *Work   `json:"work,omitempty"`
	Floor   float64 `json:"floor,omitempty"` // in Unit; 0: not known
	Note    string  `json:"note,omitempty"`

	Peers map[string]float64 `json:"peers,omitempty"` // in Unit, by name
}

// Share of the floor: 1 is a perfect version. 0: not known.
func (f Figure) Share() float64 {
	if f.Value <= 0 {
		return 0
	}
	return f.Floor / f.Value
}

// Find gives the figure of a case.
func (r *Report) Find(c Case) (Figure, bool) {
	for _, f := range r.Figures {
		if f.Case == c {
			return f, true
		}
	}
	return Figure{}, false
}

// Peers is what hack/bench/peer.py writes: the same cases by other programs, in the same call on the same device.
type Peers struct {
	Device   string            `json:"device"`
	Versions map[string]string `json:"versions"`
	Ceilings Ceilings          `json:"ceilings"`
	Figures  []PeerFigure      `json:"figures"`
}

// PeerFigure is one peer's number.
type PeerFigure struct {
	Peer string `json:"peer"`
	Figure
}

const maxPeerBytes = 16 << 20

// ReadPeers reads and checks a file of peers.
func ReadPeers(r io.Reader) (*Peers, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPeerBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading peers: %w", err)
	}
	if len(text) > maxPeerBytes {
		return nil, fmt.Errorf("reading peers: the file has more than %d bytes", maxPeerBytes)
	}
	var p Peers
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("reading peers: %w", err)
	}
	if err := p.Ceilings.Check(); err != nil {
		return nil, fmt.Errorf("reading peers: ceilings: %w", err)
	}
	for i, f := range p.Figures {
		if f.Peer == "" || f.What == "" || f.Metric == "" || f.Unit == "" || !(f.Value > 0) || math.IsInf(f.Value, 0) {
			return nil, fmt.Errorf("reading peers: figure %d needs peer, what, metric, unit and a value above 0, it is %+v", i, f)
		}
	}
	return &p, nil
}

// beside puts the peers' figures of the same case to a figure.
func (p *Peers) beside(f *Figure) {
	if p == nil {
		return
	}
	for _, other := range p.Figures {
		if other.Case == f.Case && other.Unit == f.Unit {
			if f.Peers == nil {
				f.Peers = map[string]float64{}
			}
			f.Peers[other.Peer] = other.Value
		}
	}
}

// spread is the median of several values and where nine tenths of them lie above and below.
func spread(values []float64) (median, low, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	return quantile(sorted, 0.5), quantile(sorted, 0.1), quantile(sorted, 0.9)
}

// quantile of ascending values, between neighbours in proportion.
//
//	0.5 of 1 2 4 8  ->  3
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
