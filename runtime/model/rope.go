package model

import "math"

// rotation says how fast each pair of a head turns with the position: transformers' rope_parameters.
type rotation struct {
	theta   float64
	scaling string // as rope_type spells it: "default", "linear" or "llama3"
	factor  float64

	// llama3: pairs that turn fewer than low times in the first context are slowed down, those of more than high are not.
	low, high, context float64

	sections    []int // M-RoPE: so many pairs follow time, height and width; nil: all follow one position
	interleaved bool  // and take turns: time, height, width, time, ..; what is left follows time
}

type ropeDocument struct {
	Theta         *float64 `json:"rope_theta"`
	Type          *string  `json:"rope_type"`
	OldType       *string  `json:"type"`
	PartialRotary *float64 `json:"partial_rotary_factor"`
	Factor        *float64 `json:"factor"`
	Low           *float64 `json:"low_freq_factor"`
	High          *float64 `json:"high_freq_factor"`
	Context       *float64 `json:"original_max_position_embeddings"`
	Sections      []int    `json:"mrope_section"`
}

// rotation reads either spelling and refuses what turns otherwise.
func (d *textDocument) rotation(f *findings, k textKind) rotation {
	const at = "text_config."
	r := rotation{theta: value(d.Theta, k.theta), scaling: "default"}
	f.betweenFloats(at+"partial_rotary_factor", value(d.PartialRotary, 1), 1, 1)
	d.RopeScaling.check(f, at+"rope_scaling", k, &r)
	d.RopeParameters.check(f, at+"rope_parameters", k, &r)
	f.betweenFloats(at+"rope_theta", r.theta, 1, 1e15)
	return r
}

// checkSections wants a share of a head's pairs for each axis.
func (r *rotation) checkSections(f *findings, dim int) {
	sum := 0
	for _, n := range r.sections {
		f.between("mrope_section", n, 0, maxHeadDim)
		sum += n
	}
	if len(r.sections) != axes || 2*sum != dim {
		f.add("text_config.rope_scaling.mrope_section: %v are not the %d pairs of a head on %d axes", r.sections, dim/2, axes)
	}
}

// axisOf is the axis that each pair follows.
func (r *rotation) axisOf() (list []uint8) {
	if r.interleaved {
		list = make([]uint8, r.sections[0]+r.sections[1]+r.sections[2])
		for axis := 1; axis < axes; axis++ {
			for i := range r.sections[axis] {
				if pair := axes*i + axis; pair < len(list) {
					list[pair] = uint8(axis)
				}
			}
		}
		return list
	}
	for axis, n := range r.sections {
		for range n {
			list = append(list, uint8(axis))
		}
	}
	return list
}

func (d *ropeDocument) check(f *findings, at string, k textKind, r *rotation) {
	if d == nil {
		return
	}
	r.theta = value(d.Theta, r.theta)
	r.scaling = value(d.Type, value(d.OldType, "default"))
	if k.mrope {
		r.sections, r.interleaved = d.Sections, k.interleaved
		if r.scaling == "mrope" {
			r.scaling = "default"
		}
	}
	f.oneOf(at+".rope_type", r.scaling, "default", "dynamic", "linear", "llama3")
	f.betweenFloats(at+".partial_rotary_factor", value(d.PartialRotary, 1), 1, 1)
	if r.scaling == "dynamic" {
		r.scaling = "default" // up to max_position_embeddings, where our sequences end, it is the plain one
	}
	if r.scaling == "default" {
		return
	}
	r.factor = value(d.Factor, 0)
	f.betweenFloats(at+".factor", r.factor, 1, 1e6)
	if r.scaling == "llama3" {
		r.low, r.high, r.context = value(d.Low, 0), value(d.High, 0), value(d.Context, 0)
		f.betweenFloats(at+".low_freq_factor", r.low, 1e-6, 1e6)
		f.betweenFloats(at+".high_freq_factor", r.high, r.low+1e-6, 1e6)
		f.betweenFloats(at+".original_max_position_embeddings", r.context, 1, maxPositions)
	}
}

// inverse are the radians of each pair at one position: theta^(-2i/dim), rounded to float32 where transformers rounds.
func (r *rotation) inverse(dim int) []float32 {
	f := make([]float32, dim/2)
	for i := range f {
		f[i] = 1 / float32(math.Pow(r.theta, float64(float32(2*i)/float32(dim))))
		switch r.scaling {
		case "linear":
			f[i] /= float32(r.factor)
		case "llama3":
			f[i] = r.slowed(f[i])
		}
	}
	return f
}

// slowed is Llama 3's: a pair between both bounds is slowed down in part. With factor 8, low 1, high 4 and a context of 8,192, a
// pair of 4,096 positions a turn makes 2 of them: its share of the full speed is (2-1)/(4-1), and 1/3 + 2/3 / 8 = 0.417.
func (r *rotation) slowed(f float32) float32 {
	length := 2 * math.Pi / float64(f)
	switch turns := r.context / length; {
	case turns < r.low:
		return f / float32(r.factor)
	case turns > r.high:
		return f
	default:
		share := float32((turns - r.low) / (r.high - r.low))
		return (1-share)*f/float32(r.factor) + share*f
	}
}
