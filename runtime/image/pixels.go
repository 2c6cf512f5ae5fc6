package image

// Pixels is a picture ready for a vision tower: normalised values, channel by channel (CHW).
type Pixels struct {
	C, H, W int
	Data    []float32
}
