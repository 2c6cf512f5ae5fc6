package image

import stdimage "image"

// upsampler widens a colour plane that is stored at a half of the width, of the height or of both. Each value is
// mixed 3:1 with the nearer neighbour, first between rows, then between columns; at the edges it stands alone.
// Rounding alternates between up and down, so that no drift builds up. Other ratios repeat the value.
type upsampler struct {
	cols, rows              int // pixels of the picture to one value of the plane
	planeWidth, planeHeight int
	mix                     bool
	sums                    []int
}

func newUpsampler(ratio stdimage.YCbCrSubsampleRatio, width, height int) *upsampler {
	u := &upsampler{cols: 1, rows: 1}
	switch ratio {
	case stdimage.YCbCrSubsampleRatio422:
		u.cols = 2
	case stdimage.YCbCrSubsampleRatio420:
		u.cols, u.rows = 2, 2
	case stdimage.YCbCrSubsampleRatio440:
		u.rows = 2
	case stdimage.YCbCrSubsampleRatio411:
		u.cols = 4
	case stdimage.YCbCrSubsampleRatio410:
		u.cols, u.rows = 4, 2
	}
	u.planeWidth, u.planeHeight = (width+u.cols-1)/u.cols, (height+u.rows-1)/u.rows
	u.mix = u.cols == 1 || u.cols == 2 && u.planeWidth > 2 // libjpeg mixes no columns when there are 2 or fewer
	u.sums = make([]int, u.planeWidth)
	return u
}

// row writes row y of the widened plane; dst has room for the last value's columns past the width.
func (u *upsampler) row(dst, plane []uint8, stride, y int) {
	at := y / u.rows
	near := plane[at*stride:][:u.planeWidth]
	switch {
	case u.cols == 1 && u.rows == 1:
		copy(dst, near)
	case !u.mix:
		for x, v := range near {
			for c := range u.cols {
				dst[x*u.cols+c] = v
			}
		}
	case u.rows == 1:
		for x, v := range near {
			u.sums[x] = int(v)
		}
		u.mixColumns(dst, 1, 2, 2)
	case u.cols == 1:
		u.mixRows(near, plane, stride, y)
		for x, sum := range u.sums {
			dst[x] = uint8((sum + 1 + y&1) >> 2)
		}
	default:
		u.mixRows(near, plane, stride, y)
		u.mixColumns(dst, 8, 7, 4)
	}
}

// mixRows sums three times the row and once the neighbour that y is nearer to: above for even y, below for odd.
func (u *upsampler) mixRows(near, plane []uint8, stride, y int) {
	other := min(max(y/2-1+2*(y&1), 0), u.planeHeight-1)
	far := plane[other*stride:][:u.planeWidth]
	for x := range u.sums {
		u.sums[x] = 3*int(near[x]) + int(far[x])
	}
}

func (u *upsampler) mixColumns(dst []uint8, leftBias, rightBias, shift int) {
	last := len(u.sums) - 1
	for x, sum := range u.sums {
		left, right := u.sums[max(x-1, 0)], u.sums[min(x+1, last)]
		dst[2*x] = uint8((3*sum + left + leftBias) >> shift)
		dst[2*x+1] = uint8((3*sum + right + rightBias) >> shift)
	}
}
