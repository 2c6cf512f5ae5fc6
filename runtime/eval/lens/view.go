package lens

import (
	"fmt"

	"aircache.dev/aircache/runtime/image"
)

// View is what is shown.
type View struct {
	Picture *image.RGB
	Grid    int      // patches of a side
	Lines   []string // above the picture
	Layers  []Layer
}

// Layer is what one layer keeps.
type Layer struct {
	Kept   []int32 // patches in reading order, ascending
	Elite  int     // rows of the observation window; 0: the policy has none
	Recall float64 // negative: unknown
}

func (v View) check() error {
	if v.Grid < 1 || v.Grid > 1024 {
		return fmt.Errorf("a side has %d patches, it must have 1 to 1024", v.Grid)
	}
	for l, layer := range v.Layers {
		for _, patch := range layer.Kept {
			if patch < 0 || int(patch) >= v.Grid*v.Grid {
				return fmt.Errorf("layer %d keeps patch %d of %d", l, patch, v.Grid*v.Grid)
			}
		}
	}
	return nil
}

// caption of a layer's panel.
func (v View) caption(l int) string {
	layer := v.Layers[l]
	text := fmt.Sprintf("layer %d: budget %d of %d", l, len(layer.Kept), v.Grid*v.Grid)
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

// light is 1 for the patches that the most of these layers keep, less for the others in proportion; most is that number.
func (v View) light(layers ...Layer) (light []float64, most int) {
	kept := make([]int, v.Grid*v.Grid)
	for _, layer := range layers {
		for _, patch := range layer.Kept {
			kept[patch]++
			most = max(most, kept[patch])
		}
	}
	light = make([]float64, len(kept))
	for i, n := range kept {
		light[i] = float64(n) / float64(max(most, 1))
	}
	return light, most
}
