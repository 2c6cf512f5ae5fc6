package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgimg" // PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // SVG

	"aircache.dev/aircache/controllers/tuner"
	"aircache.dev/aircache/hack/tunersim/plant"
	"aircache.dev/aircache/hack/tunersim/policy"
)

// draw writes attained, retention and replicas, each trace beside the other, as PNG and SVG.
func (r Report) draw(dir string) error {
	for _, figure := range []struct {
		name, title string
		of          func(plant.Result) float64
	}{
		{"attained", "requests that met every objective (%)", func(p plant.Result) float64 { return 100 * p.Attained }},
		{"retention", "mean retention of the requests (%)", func(p plant.Result) float64 { return 100 * p.MeanRetention }},
		{"worth", "points: attained + retention/5 - paid/5", func(p plant.Result) float64 { return r.worth(p, weights[0]) }},
	} {
		p := plot.New()
		p.Title.Text = figure.title
		p.Legend.Top = true
		p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = 0.6, draw.XRight, draw.YTop
		p.NominalX(r.Traces...)
		p.Add(plotter.NewGrid())
		for i, name := range r.Policies {
			var points plotter.XYs
			for x, t := range r.Traces {
				if result := r.at(t, name); result != nil {
					points = append(points, plotter.XY{X: float64(x), Y: figure.of(*result)})
				}
			}
			if err := addLine(p, name, i, points, true); err != nil {
				return err
			}
		}
		p.X.Max += 3 // room for the legend
		if err := save(p, dir, figure.name); err != nil {
			return err
		}
	}
	return nil
}

// drawStory draws what happens in trace step: the load, and the retention that the tuner and the oracle choose.
func drawStory(dir string) error {
	for _, t := range plant.Traces() {
		if t.Name != "step" {
			continue
		}
		p := plot.New()
		p.Title.Text = "trace step: the load doubles after half an hour and falls back an hour later"
		p.X.Label.Text, p.Y.Label.Text = "minutes", "retention, KV use of the fullest pod (%)"
		p.Y.Min, p.Y.Max = 0, 125 // room for the legend
		p.Legend.Top = true
		p.Add(plotter.NewGrid())
		var use plotter.XYs
		for i, name := range []string{policy.Ours, policy.Oracle} {
			var kept plotter.XYs
			policy.Run(&t, name, func(f *plant.Fleet, _ int, m tuner.Sample, c policy.Choice) {
				at := f.Now() / 60
				kept = append(kept, plotter.XY{X: at, Y: float64(c.Permille) / 10})
				if name == policy.Ours {
					use = append(use, plotter.XY{X: at, Y: 100 * m.Hottest.Usage})
				}
			})
			if err := addLine(p, "retention, "+name, i, kept, false); err != nil {
				return err
			}
		}
		if err := addLine(p, "KV use under the tuner", 3, use, false); err != nil {
			return err
		}
		return save(p, dir, "step")
	}
	return nil
}

func addLine(p *plot.Plot, name string, i int, points plotter.XYs, marked bool) error {
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return fmt.Errorf("drawing %s: %w", name, err)
	}
	line.Color, line.Dashes, line.Width = plotutil.Color(i), plotutil.Dashes(i%4), vg.Points(1)
	marks.Color, marks.Shape = plotutil.Color(i), plotutil.Shape(i)
	if name == policy.Ours {
		line.Width, line.Dashes = vg.Points(2.2), nil
	}
	p.Add(line)
	if !marked {
		p.Legend.Add(name, line)
		return nil
	}
	p.Add(marks)
	p.Legend.Add(name, line, marks)
	return nil
}

func save(p *plot.Plot, dir, name string) error {
	for _, format := range []string{"png", "svg"} {
		from, err := p.WriterTo(9*vg.Inch, 5*vg.Inch, format)
		if err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
		var b bytes.Buffer
		if _, err := from.WriteTo(&b); err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"."+format), b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}
