package compress

import "fmt"

// Fixed figures of the method.
const (
	MaxObserved = 512 // text rows that may observe (ours)
	SinkRows    = 4   // first rows of a prompt, which attract attention whatever they say (ours)
	MinVisual   = 64  // with fewer visual rows everything is kept (ours)
	Everything  = 1000
)

// LayerBudget says how the rows to keep are shared among the layers.
type LayerBudget string

// The ways: by strength and skewness of the scores, or the same for all.
const (
	Adaptive LayerBudget = "Adaptive"
	Uniform  LayerBudget = "Uniform"
)

// Options of the AirCache policy.
type Options struct {
	Alpha              float64 // a row is elite if its relevance is at least this share of the highest
	EliteMin, EliteMax int     // rows of the window
	LayerBudget        LayerBudget
}

// Defaults are the paper's, with our limit on the window.
func Defaults() Options {
	return Options{Alpha: 0.9, EliteMin: 1, EliteMax: 64, LayerBudget: Adaptive}
}

// Validate names the option that is outside its limits.
func (o Options) Validate() error {
	switch {
	case !(o.Alpha >= 0 && o.Alpha <= 1):
		return fmt.Errorf("alpha is %v, it must be from 0 to 1", o.Alpha)
	case o.EliteMin < 1 || o.EliteMin > MaxObserved:
		return fmt.Errorf("eliteMin is %d, it must be from 1 to %d", o.EliteMin, MaxObserved)
	case o.EliteMax < o.EliteMin || o.EliteMax > MaxObserved:
		return fmt.Errorf("eliteMax is %d, it must be from eliteMin (%d) to %d", o.EliteMax, o.EliteMin, MaxObserved)
	case o.LayerBudget != Adaptive && o.LayerBudget != Uniform:
		return fmt.Errorf("layerBudget is %q, it must be %q or %q", o.LayerBudget, Adaptive, Uniform)
	}
	return nil
}
