package lens

import (
	"fmt"

	"aircache.dev/aircache/runtime/image"
)

// View is what is shown.
type View struct {
	Picture *image.RGB
	Grid    int      // patches of a side
	Cells   []int    // for each row of the picture's KV the patch that it shows, -1 for none; nil: row i shows patch i
	Lines   []string // above the picture
	Layers  []Layer
}

// Layer is what one layer keeps.
type Layer struct {
	Kept   []int32 // rows of the picture's KV, ascending
	Elite  int     // rows of the observation window; 0: the policy has none
	Recall float64 // negative: unknown
}

func (v View) check() error {
	if v.Grid < 1 || v.Grid > 1024 {
		return fmt.Errorf("a side has %d patches, it must have 1 to 1024", v.Grid)
	}
	for row, patch := range v.Cells {
		if patch < -1 || patch >= v.Grid*v.Grid {
			return fmt.Errorf("row %d shows patch %d of %d", row, patch, v.Grid*v.Grid)
		}
	}
	for l, layer := range v.Layers {
		for _, row := range layer.Kept {
			if row < 0 || int(row) >= v.rows() {
				return fmt.Errorf("layer %d keeps row %d of %d", l, row, v.rows())
			}
		}
	}
	return nil
}

// rows of the picture's KV.
func (v View) rows() int {
	if v.Cells == nil {
		return v.Grid * v.Grid
	}
	return len(v.Cells)
}

// patch that a row shows; -1: none.
func (v View) patch(row int) int {
	if v.Cells == nil {
		return row
	}
	return v.Cells[row]
}

// caption of a layer's panel.
func (v View) caption(l int) string {
	layer := v.Layers[l]
	text := fmt.Sprintf("layer %d: budget %d of %d", l, len(layer.Kept), v.rows())
	if layer.Elite > 0 {
		text += fmt.Sprintf(", |E| %d", layer.Elite)
	}
	if layer.Recall >= 0 {
		text += fmt.Sprintf(", recall %.2f", layer.Recall)
	}
	return text
}

// Report is the sheet's words: its lines and a line a layer.
func (v View) Report() []string {
	lines := append([]string{}, v.Lines...)
	for l := range v.Layers {
		lines = append(lines, v.caption(l))
	}
	return lines
}

// light is 1 for the patches that the most of these layers keep, less for the others in proportion; most is that number. A
// patch that several rows show is kept by a layer as far as they are.
func (v View) light(layers ...Layer) (light []float64, most float64) {
	light, showing := make([]float64, v.Grid*v.Grid), make([]float64, v.Grid*v.Grid)
	for row := range v.rows() {
		if patch := v.patch(row); patch >= 0 {
			showing[patch]++
		}
	}
	for _, layer := range layers {
		for _, row := range layer.Kept {
			if patch := v.patch(int(row)); patch >= 0 {
				light[patch]++
			}
		}
	}
	for patch, n := range showing {
		light[patch] /= max(n, 1)
		most = max(most, light[patch])
	}
	for patch := range light {
		if most > 0 {
			light[patch] /= most
		}
	}
	return light, most
}
