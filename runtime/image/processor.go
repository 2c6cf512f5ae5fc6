package image

// Processor turns decoded pictures into pixels. How may depend on the number of pictures in the prompt.
type Processor interface {
	// Measure is the number of visual tokens that a picture of a size takes.
	Measure(picture Size, pictures int) (int, error)
	Process(p *RGB, pictures int) (Pixels, error)
}

// levels are what each 8 bit value becomes, by channel.
type levels [3][256]float32

// write normalises a picture into channels of its size, one after the other.
func (l *levels) write(into []float32, rgb *RGB) {
	area := rgb.W * rgb.H
	for channel := range l {
		plane, levels := into[channel*area:][:area], &l[channel]
		for i := range plane {
			plane[i] = levels[rgb.Pix[3*i+channel]]
		}
	}
}
