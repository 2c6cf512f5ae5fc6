package chart

import (
	"bytes"
	"fmt"
	"image/color"
	"maps"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	_ "gonum.org/v1/plot/vg/vgimg" // PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // SVG

	"aircache.dev/aircache/runtime/bench"
)

// Picture is a drawn file.
type Picture struct {
	Name    string
	Content []byte
}

// Steps draws step times over the batch, one picture for each number of visual tokens: ours, the floors, and the peers.
func Steps(r *bench.Report, name string) (pictures []Picture, err error) {
	var visuals []int
	for _, f := range of(r, "decode") {
		if f.Value > 0 && !slices.Contains(visuals, f.Visual) {
			visuals = append(visuals, f.Visual)
		}
	}
	for _, visual := range visuals {
		p, drawn, err := steps(r, visual)
		if err != nil {
			return nil, fmt.Errorf("drawing steps over %d visual tokens: %w", visual, err)
		}
		for _, format := range []string{"png", "svg"} {
			if !drawn {
				continue
			}
			from, err := p.WriterTo(7*vg.Inch, 4.2*vg.Inch, format)
			if err != nil {
				return nil, fmt.Errorf("drawing steps over %d visual tokens: %w", visual, err)
			}
			var b bytes.Buffer
			if _, err := from.WriteTo(&b); err != nil {
				return nil, fmt.Errorf("drawing steps over %d visual tokens: %w", visual, err)
			}
			pictures = append(pictures, Picture{fmt.Sprintf("%s-steps-%d.%s", name, visual, format), b.Bytes()})
		}
	}
	return pictures, nil
}

// steps draws one number of visual tokens. A single batch is no curve.
func steps(r *bench.Report, visual int) (p *plot.Plot, drawn bool, err error) {
	p = plot.New()
	p.Title.Text = fmt.Sprintf("%s, %d visual tokens a sequence", r.Settings.Model, visual)
	p.X.Label.Text, p.Y.Label.Text = "sequences in a step", "ms a step"
	p.X.Scale, p.Y.Min = plot.LogScale{}, 0
	p.Add(plotter.NewGrid())
	p.Legend.Top, p.Legend.Left = true, true
	lines := map[string]plotter.XYs{}
	var marks plot.ConstantTicks
	for _, f := range of(r, "decode") {
		if f.Visual != visual || f.Value == 0 {
			continue
		}
		x, kept := float64(f.Batch), percent(f.Permille)+" %"
		lines["AirCache, "+kept] = append(lines["AirCache, "+kept], plotter.XY{X: x, Y: f.Value})
		if f.Floor > 0 {
			lines["floor, "+kept] = append(lines["floor, "+kept], plotter.XY{X: x, Y: f.Floor})
		}
		for name, v := range f.Peers {
			lines[name+", "+kept] = append(lines[name+", "+kept], plotter.XY{X: x, Y: v})
		}
		marks = append(marks, plot.Tick{Value: x, Label: strconv.Itoa(f.Batch)})
	}
	p.X.Tick.Marker = marks
	for i, name := range slices.Sorted(maps.Keys(lines)) {
		line, points, err := plotter.NewLinePoints(lines[name])
		if err != nil {
			return nil, false, err
		}
		line.Color, points.Color = hues[i%len(hues)], hues[i%len(hues)]
		line.Width = vg.Points(1.8)
		if name[:5] == "floor" {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(line, points)
		p.Legend.Add(name, line, points)
		drawn = drawn || len(lines[name]) > 1
	}
	p.Y.Max *= 1.35 // room for the legend
	return p, drawn, nil
}

// hues: Okabe and Ito's, which colour-blind readers can tell apart.
var hues = []color.Color{
	color.RGBA{213, 94, 0, 255}, color.RGBA{0, 114, 178, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{86, 180, 233, 255},
	color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255}, color.RGBA{90, 90, 90, 255}, color.RGBA{120, 60, 160, 255},
}
