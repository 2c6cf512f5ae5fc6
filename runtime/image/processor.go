package image

// Processor turns decoded pictures into pixels. How may depend on the number of pictures in the prompt.
type Processor interface {
	// Measure is the number of visual tokens that a picture of a size takes.
	Measure(picture Size, pictures int) (int, error)
	Process(p *RGB, pictures int) (Pixels, error)
}

// levels are what each 8 bit value becomes, by channel.
type levels [3][256]float32

// normalise gives a picture's values channel by channel.
func (l *levels) normalise(raw []uint8, area int) []float32 {
	values := make([]float32, 3*area)
	for channel := range l {
		plane, levels := values[channel*area:][:area], &l[channel]
		for i := range plane {
			plane[i] = levels[raw[3*i+channel]]
		}
	}
	return values
}
