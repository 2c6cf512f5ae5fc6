package chart

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgimg" // PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // SVG

	"aircache.dev/aircache/runtime/eval"
)

// Size of a picture.
const (
	width  = 8 * vg.Inch
	height = 5 * vg.Inch
)

// Write draws each task and all of them together, TASK.png and TASK.svg, and writes table.md.
func Write(report eval.Report, dir string) error {
	if len(report.Rows) == 0 {
		return fmt.Errorf("drawing a report: it has no rows")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("drawing a report: %w", err)
	}
	for _, task := range tasksOf(report) {
		p, err := curves(report, task)
		if err != nil {
			return fmt.Errorf("drawing task %s: %w", task, err)
		}
		for _, format := range []string{"png", "svg"} {
			if err := save(p, filepath.Join(dir, task+"."+format), format); err != nil {
				return fmt.Errorf("drawing task %s: %w", task, err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "table.md"), Markdown(report), 0o644); err != nil {
		return fmt.Errorf("writing the tables: %w", err)
	}
	return nil
}

func tasksOf(report eval.Report) (tasks []string) {
	for _, row := range report.Rows {
		if !slices.Contains(tasks, row.Task) {
			tasks = append(tasks, row.Task)
		}
	}
	return tasks
}

func save(p *plot.Plot, name, format string) error {
	from, err := p.WriterTo(width, height, format)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := from.WriteTo(&b); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// curves draws one task: a line a policy with its intervals, and the full cache as a dashed line.
func curves(report eval.Report, task string) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title(report, task)
	p.X.Label.Text, p.Y.Label.Text = "visual KV kept (%)", "right answers (%)"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks(report.Settings.Permilles)
	p.Y.Min, p.Y.Max = 0, 100
	p.Legend.Left, p.Legend.Top = false, false
	p.Legend.XOffs = -vg.Points(4)
	p.Add(plotter.NewGrid())
	full := at(report, task, eval.FullName, 1000)
	for i, name := range report.Settings.Policies {
		line := lineOf(report, task, name)
		if len(line.XYs) == 0 {
			continue
		}
		if full != nil {
			line.add(100, eval.Mean{Value: full.Score.Value, Low: full.Score.Value, High: full.Score.Value}) // one interval is enough: the table has it
		}
		if err := line.draw(p, name, i); err != nil {
			return nil, err
		}
	}
	if full == nil {
		return p, nil
	}
	flat, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: 100 * full.Score.Value}, {X: 100, Y: 100 * full.Score.Value}})
	if err != nil {
		return nil, err
	}
	flat.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	p.Add(flat)
	p.Legend.Add("full cache", flat)
	return p, nil
}

func title(report eval.Report, task string) string {
	samples := 0
	for _, row := range report.Rows {
		if row.Task == task {
			samples = max(samples, row.Samples)
		}
	}
	name := "task " + task
	if task == eval.AllTasks {
		name = "all tasks"
	}
	return fmt.Sprintf("%s, %d samples, 95 %% intervals", name, samples)
}

func ticks(permilles []int) plot.ConstantTicks {
	var marks plot.ConstantTicks
	for _, permille := range permilles {
		marks = append(marks, plot.Tick{Value: float64(permille) / 10, Label: percent(permille)})
	}
	return marks
}

// line is one policy's scores with their intervals, in percent.
type line struct {
	plotter.XYs
	plotter.YErrors
}

func lineOf(report eval.Report, task, policy string) *line {
	l := &line{}
	for _, permille := range slices.Backward(report.Settings.Permilles) {
		if row := at(report, task, policy, permille); row != nil && policy != eval.FullName {
			l.add(float64(permille)/10, row.Score)
		}
	}
	return l
}

func (l *line) add(x float64, m eval.Mean) {
	l.XYs = append(l.XYs, plotter.XY{X: x, Y: 100 * m.Value})
	l.YErrors = append(l.YErrors, struct{ Low, High float64 }{100 * (m.Value - m.Low), 100 * (m.High - m.Value)})
}

func (l *line) draw(p *plot.Plot, name string, i int) error {
	stroke, points, err := plotter.NewLinePoints(l.XYs)
	if err != nil {
		return err
	}
	beside := l.moved(i)
	bars, err := plotter.NewYErrorBars(beside)
	if err != nil {
		return err
	}
	hue := colours[i%len(colours)]
	stroke.Color, points.Color, bars.Color = hue, hue, hue
	stroke.Width, bars.Width = vg.Points(1.5), vg.Points(0.6)
	if name == "AirCache" {
		stroke.Width = vg.Points(3)
	}
	points.Shape, points.Radius = shapes[i%len(shapes)], vg.Points(2.5)
	p.Add(stroke, points, bars)
	p.Legend.Add(name, stroke, points)
	return nil
}

// moved sets the intervals of the i-th policy a bit to the side: they would hide each other.
func (l *line) moved(i int) *line {
	m := &line{XYs: slices.Clone(l.XYs), YErrors: l.YErrors}
	for j := range m.XYs {
		m.XYs[j].X *= 1 + 0.008*float64(i)
	}
	return m
}

func at(report eval.Report, task, policy string, permille int) *eval.Summary {
	for i, row := range report.Rows {
		if row.Task == task && row.Policy == policy && row.Permille == permille {
			return &report.Rows[i]
		}
	}
	return nil
}

var shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.CrossGlyph{}}

// colours: Okabe and Ito's first, which colour-blind readers can tell apart.
var colours = []color.Color{
	color.RGBA{213, 94, 0, 255}, color.RGBA{0, 114, 178, 255}, color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255},
	color.RGBA{86, 180, 233, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{90, 90, 90, 255}, color.RGBA{120, 60, 160, 255},
	color.RGBA{150, 110, 60, 255}, color.RGBA{160, 170, 40, 255}, color.RGBA{0, 70, 70, 255}, color.RGBA{170, 0, 60, 255},
}
