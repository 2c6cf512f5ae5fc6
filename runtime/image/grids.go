package image

import "fmt"

const maxGrids = 1024

// onevisionGrids are the sizes that LLaVA-OneVision's files list, and that the reference takes where a file lists none:
// 1 to 6 tiles of 384 pixels high, each with 1 to 6 tiles wide.
func onevisionGrids() []Size {
	const side, most = 384, 6
	var grids []Size
	for h := range most {
		for w := range most {
			grids = append(grids, Size{side * (h + 1), side * (w + 1)})
		}
	}
	return grids
}

// ParseGrids reads image_grid_pinpoints, pairs of height and width in pixels; nil are the default ones.
func ParseGrids(pairs [][]int, side int) ([]Size, error) {
	if pairs == nil {
		for _, g := range onevisionGrids() {
			pairs = append(pairs, []int{g.Height, g.Width})
		}
	}
	if len(pairs) < 1 || len(pairs) > maxGrids {
		return nil, fmt.Errorf("%d sizes, expected 1..%d", len(pairs), maxGrids)
	}
	var grids []Size
	for _, p := range pairs {
		if len(p) != 2 {
			return nil, fmt.Errorf("%v is not a height and a width", p)
		}
		for _, v := range p {
			if v < 1 || v > maxSide || v%side != 0 {
				return nil, fmt.Errorf("%v is not supported, expected multiples of %d up to %d", p, side, maxSide)
			}
		}
		grids = append(grids, Size{p[0], p[1]})
	}
	return grids, nil
}
