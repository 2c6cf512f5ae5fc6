package compress

import (
	"fmt"
	"slices"
)

// Fixed figures of the method.
const (
	MaxObserved = 512 // text rows that may observe (ours)
	SinkRows    = 4   // first rows of a prompt, which attract attention whatever they say (ours)
	MinVisual   = 64  // with fewer visual rows everything is kept (ours)
	Everything  = 1000
)

// LayerBudget says how the rows to keep are shared among the layers.
type LayerBudget string

// The ways: by strength and skewness of the scores (the paper's), by one of them, falling from the first layer to the last,
// or the same for all.
const (
	Adaptive LayerBudget = "Adaptive"
	Strength LayerBudget = "Strength"
	Skewness LayerBudget = "Skewness"
	Pyramid  LayerBudget = "Pyramid"
	Uniform  LayerBudget = "Uniform"
)

// Observers says which text rows look at the picture.
type Observers string

// The windows: the rows that the last one attends to (the paper's), the last 16 or 32, or all candidates.
const (
	Elite   Observers = "Elite"
	Last16  Observers = "Last16"
	Last32  Observers = "Last32"
	AllText Observers = "AllText"
)

// RowWeight says how much each row of the window counts.
type RowWeight string

// All rows of the window count the same (the paper's), or each as much as it and the text after it attend to it (ours, after
// TGV-KV's text weights).
const (
	Equal    RowWeight = "Equal"
	Received RowWeight = "Received"
)

// MaxPool is the most neighbours to each side that may lend a row their importance.
const MaxPool = 8

// Granularity says which KV heads keep the same rows.
type Granularity string

// All KV heads of a layer keep the same rows, or each its own; equally many either way.
const (
	ByLayer  Granularity = "Layer"
	ByKVHead Granularity = "KVHead"
)

// Options of the AirCache policy.
type Options struct {
	Alpha              float64 // a row is elite if its relevance is at least this share of the highest
	EliteMin, EliteMax int     // rows of the window
	Window             Observers
	RowWeight          RowWeight
	ValueNorm          bool // a row counts by the length of its value, too: what it adds to the output
	Pool               int  // neighbours to each side that a row shares its rank with; 0: none
	LayerBudget        LayerBudget
	Granularity        Granularity
}

// Defaults are what answered best in docs/quality.md, where each difference from Paper is measured.
func Defaults() Options {
	return Options{Alpha: 0.1, EliteMin: 1, EliteMax: 64, Window: Elite, RowWeight: Received, ValueNorm: true, Pool: 1,
		LayerBudget: Skewness, Granularity: ByLayer}
}

// Paper is AirCache as published, with our limit on the window.
func Paper() Options {
	return Options{Alpha: 0.9, EliteMin: 1, EliteMax: 64, Window: Elite, RowWeight: Equal, LayerBudget: Adaptive, Granularity: ByLayer}
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
	}
	if o.Pool < 0 || o.Pool > MaxPool {
		return fmt.Errorf("pool is %d, it must be from 0 to %d", o.Pool, MaxPool)
	}
	if err := oneOf("rowWeight", o.RowWeight, Equal, Received); err != nil {
		return err
	}
	if err := oneOf("window", o.Window, Elite, Last16, Last32, AllText); err != nil {
		return err
	}
	if err := oneOf("layerBudget", o.LayerBudget, Adaptive, Strength, Skewness, Pyramid, Uniform); err != nil {
		return err
	}
	return oneOf("granularity", o.Granularity, ByLayer, ByKVHead)
}

func oneOf[T ~string](name string, value T, allowed ...T) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("%s is %q, it must be one of %q", name, value, allowed)
	}
	return nil
}
