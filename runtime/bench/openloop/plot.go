package openloop

import (
	"bytes"
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	_ "gonum.org/v1/plot/vg/vgimg" // PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // SVG
)

// Plot draws one figure over the rate of arrivals: median, 95 % and 99 %, and where an objective lies.
type Plot struct {
	Name string // of the file, without its ending
	plot *plot.Plot
}

// Plots of a report with two rates or more: a single rate is no curve.
func Plots(r *Report) ([]Plot, error) {
	if len(r.Rates) < 2 {
		return nil, fmt.Errorf("drawing: a curve needs two rates or more, the report has %d", len(r.Rates))
	}
	var all []Plot
	for _, f := range []struct {
		name, label string
		of          func(Rate) Percentiles
		objective   float64
	}{
		{"first-token", "time to first token (s)", func(s Rate) Percentiles { return s.FirstToken }, r.Objectives.FirstToken},
		{"between-tokens", "between tokens (s)", func(s Rate) Percentiles { return s.Between }, r.Objectives.Between},
		{"end-to-end", "end to end (s)", func(s Rate) Percentiles { return s.EndToEnd }, r.Objectives.EndToEnd},
	} {
		p, err := latency(r, f.label, f.of, f.objective)
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", f.name, err)
		}
		all = append(all, Plot{f.name, p})
	}
	p, err := goodput(r)
	if err != nil {
		return nil, fmt.Errorf("drawing goodput: %w", err)
	}
	return append(all, Plot{"goodput", p}), nil
}

// WriteTo writes the picture; format is png or svg.
func (p Plot) WriteTo(w io.Writer, format string) error {
	from, err := p.plot.WriterTo(7*vg.Inch, 4.2*vg.Inch, format)
	if err != nil {
		return fmt.Errorf("drawing %s: %w", p.Name, err)
	}
	var b bytes.Buffer
	if _, err := from.WriteTo(&b); err != nil {
		return fmt.Errorf("drawing %s: %w", p.Name, err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func frame(r *Report, label string) *plot.Plot {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s: %s, at most %d tokens", r.Model, r.Questions, r.MaxTokens)
	p.X.Label.Text, p.Y.Label.Text = "requests a second", label
	p.X.Min, p.Y.Min = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	return p
}

func latency(r *Report, label string, of func(Rate) Percentiles, objective float64) (*plot.Plot, error) {
	p := frame(r, label)
	var curves []any
	for _, c := range []struct {
		name string
		of   func(Percentiles) float64
	}{
		{"median", func(v Percentiles) float64 { return v.P50 }},
		{"95 %", func(v Percentiles) float64 { return v.P95 }},
		{"99 %", func(v Percentiles) float64 { return v.P99 }},
	} {
		curves = append(curves, c.name, points(r, func(s Rate) float64 { return c.of(of(s)) }))
	}
	if err := plotutil.AddLinePoints(p, curves...); err != nil {
		return nil, err
	}
	if objective > 0 {
		line := plotter.NewFunction(func(float64) float64 { return objective })
		line.Dashes, line.Color = []vg.Length{4, 4}, color.Gray{100}
		p.Add(line)
		p.Legend.Add("objective", line)
		p.Y.Max = max(p.Y.Max, 1.1*objective)
	}
	return p, nil
}

func goodput(r *Report) (*plot.Plot, error) {
	p := frame(r, "answers a second")
	err := plotutil.AddLinePoints(p, "answered", points(r, func(s Rate) float64 { return s.RequestRate }),
		"within the objectives", points(r, func(s Rate) float64 { return s.GoodRate }))
	return p, err
}

func points(r *Report, of func(Rate) float64) plotter.XYs {
	list := make(plotter.XYs, len(r.Rates))
	for i, s := range r.Rates {
		list[i] = plotter.XY{X: s.Rate, Y: of(s)}
	}
	return list
}
