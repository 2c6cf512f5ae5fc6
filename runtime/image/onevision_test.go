package image

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What transformers makes of pictures (hack/parity/onevision.py).
const onevisionGoldens = "../parity/testdata/llava-onevision"

// sevenB is the tower of the 7B model.
var sevenB = Tower{Side: 384, Patch: 14, Rows: 729, Grids: onevisionGrids(), MaxTiles: 9}

func readGolden(t *testing.T, into any, names ...string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{onevisionGoldens}, names...)...))
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("the goldens are part of the repository: %v", err)
	}
}

func TestTokensOfAllSizesEqualTransformers(t *testing.T) {
	var counts [][3]int
	readGolden(t, &counts, "counts.json")
	if len(counts) < 400 {
		t.Fatalf("%d sizes, at least 400 wanted", len(counts))
	}
	p := must(t)(ParseProcessor([]byte(`{"image_processor_type":"LlavaOnevisionImageProcessor"}`), sevenB))
	for _, c := range counts {
		if got, err := p.Measure(Size{c[0], c[1]}, 1); err != nil || got != c[2] {
			t.Errorf("a picture of %d x %d pixels (height, width) takes %d tokens, %v; transformers says %d", c[0], c[1], got, err, c[2])
		}
	}
}

func must(t *testing.T) func(Processor, error) Processor {
	return func(p Processor, err error) Processor {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// smallTower is the golden model's.
func smallTower(t *testing.T) Tower {
	var c struct {
		Grids [][]int `json:"image_grid_pinpoints"`
	}
	readGolden(t, &c, "model", "config.json")
	grids, err := ParseGrids(c.Grids, 30)
	if err != nil {
		t.Fatal(err)
	}
	return Tower{Side: 30, Patch: 7, Rows: 16, Grids: grids, MaxTiles: 9}
}

func TestTilesEqualTransformers(t *testing.T) {
	p := must(t)(LoadProcessor(filepath.Join(onevisionGoldens, "model"), smallTower(t)))
	var goldens struct {
		Cases []struct {
			Name     string
			Pictures []string
			Tokens   []int `json:"visual_tokens"`
		}
	}
	readGolden(t, &goldens, "cases.json")
	pictures := 0
	for _, c := range goldens.Cases {
		for i, name := range c.Pictures {
			file := filepath.Join(onevisionGoldens, "pictures", name)
			got, err := p.Process(decodeFile(t, file), len(c.Pictures))
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			if got.Layout.Rows() != c.Tokens[i] {
				t.Errorf("%s: picture %d takes %d tokens, transformers has %d", c.Name, i, got.Layout.Rows(), c.Tokens[i])
			}
			compareTiles(t, c.Name, got, decodeFile(t, strings.TrimSuffix(file, ".png")+".tiles.png"))
			pictures++
		}
	}
	if pictures < 12 {
		t.Errorf("%d pictures, at least 12 wanted", pictures)
	}
}

// compareTiles holds every value against the strip of all tiles: no resizing may be off by even one of 255.
func compareTiles(t *testing.T, name string, got Pixels, strip *RGB) {
	t.Helper()
	if got.C != 3 || got.W != strip.W || got.H*got.Tiles() != strip.H || got.Tiles() != got.Layout.Tiles() {
		t.Fatalf("%s: %d tiles of %d x %d x %d for a layout of %d, transformers has a strip of %d x %d", name, got.Tiles(), got.C, got.H, got.W, got.Layout.Tiles(), strip.H, strip.W)
	}
	area, largest := got.H*got.W, 0.0
	for tile := range got.Tiles() {
		data := got.Tile(tile).Data
		for i, v := range strip.Pix[3*tile*area : 3*(tile+1)*area] {
			want := (float64(v)/255 - 0.5) / 0.5
			largest = max(largest, math.Abs(float64(data[i%3*area+i/3])-want))
		}
	}
	if largest > 1e-6 {
		t.Errorf("%s: off by %g", name, largest)
	}
}

func decodeFile(t *testing.T, name string) *RGB {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("the goldens are part of the repository: %v", err)
	}
	p, err := Decode(b, Limits{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

func TestTheLayoutOfTheDocumentation(t *testing.T) {
	l, err := newLayout(Size{1080, 1920}, Size{3, 5}, 27, 9)
	if err != nil {
		t.Fatal(err)
	}
	want := Layout{Side: 27, Grid: Size{3, 5}, Top: 3, Crop: Size{75, 135}, Scaled: Size{60, 108}}
	cells := l.Cells()
	if len(cells) != 7269 || cells[728] != 728 || cells[729] != 0 || cells[729+107] != 26 || cells[729+108] != -1 || cells[7267] != 728 || cells[7268] != -1 {
		t.Errorf("%d cells, the first of the grid's %v, the last ones %v", len(cells), cells[729:729+110], cells[7260:])
	}
	if *l != want || l.Rows() != 7269 || l.Tiles() != 16 {
		t.Errorf("got %+v of %d rows and %d tiles", *l, l.Rows(), l.Tiles())
	}
}

func TestBarsBesideOnePictureOfSeveralArePadding(t *testing.T) {
	p := must(t)(ParseProcessor([]byte(`{"image_processor_type":"LlavaOnevisionImageProcessor"}`), sevenB))
	for _, c := range []struct {
		picture Size
		shown   Size // lines and columns of 27 x 27 patches
	}{
		{Size{100, 100}, Size{27, 27}},
		{Size{384, 1000}, Size{11, 27}}, // lines 118.3 to 265.7 of 384 pixels, 8.4 to 18.98 of 27 patches
		{Size{1000, 10}, Size{27, 1}},   // columns 190.1 to 193.9 of 384 pixels, 13.6 to 13.9 of 27 patches
	} {
		l, err := p.(*OnevisionProcessor).layout(c.picture, 2)
		if err != nil || l.Rows() != 730 {
			t.Fatalf("%v: %+v, %v", c.picture, l, err)
		}
		padding := Pixels{Layout: l}.Padding()
		if len(padding) != 729-c.shown.Height*c.shown.Width || l.Crop != c.shown {
			t.Errorf("%v: %d rows of padding, layout %+v", c.picture, len(padding), *l)
		}
	}
	alone, err := p.(*OnevisionProcessor).layout(Size{384, 1000}, 1)
	if err != nil || len((Pixels{Layout: alone}).Padding())+len(Pixels{}.Padding()) != 0 {
		t.Errorf("a picture alone has padding, %v", err)
	}
}

func TestLayoutsOfAllSizesStayInsideTheirGrids(t *testing.T) {
	p := must(t)(ParseProcessor([]byte(`{"image_processor_type":"LlavaOnevisionImageProcessor"}`), sevenB)).(*OnevisionProcessor)
	random := rand.New(rand.NewPCG(1, 2))
	side := func() int { return int(math.Exp(random.Float64() * math.Log(16384))) }
	for range 5000 {
		picture := Size{side(), side()}
		l, err := p.layout(picture, 1)
		if err != nil {
			t.Fatalf("%v: %v", picture, err)
		}
		whole := Size{l.Grid.Height * l.Side, l.Grid.Width * l.Side}
		if l.Top < 0 || l.Left < 0 || l.Crop.Height < 0 || l.Crop.Width < 0 || 2*l.Top+l.Crop.Height != whole.Height || 2*l.Left+l.Crop.Width != whole.Width {
			t.Fatalf("%v: %+v", picture, *l)
		}
		if n := l.Rows(); n != len(l.Cells()) || n > 729+9*729*121/100+162 {
			t.Fatalf("%v: %d rows, %d cells", picture, n, len(l.Cells()))
		}
	}
}

func TestPicturesWithoutAnyPatchLeftAreRefused(t *testing.T) {
	if _, err := newLayout(Size{1, 900}, Size{1, 34}, 27, 1); err == nil || !strings.Contains(err.Error(), "900 x 1 pixels is too narrow") {
		t.Errorf("got %v", err)
	}
	p := &OnevisionProcessor{}
	if _, err := p.Measure(Size{0, 5}, 1); err == nil || !strings.Contains(err.Error(), "5 x 0 pixels") {
		t.Errorf("got %v", err)
	}
}

func TestOnevisionFilesThatDoNotFitTheModelAreRefused(t *testing.T) {
	tower := sevenB
	odd := tower
	odd.Rows = 728
	for fields, c := range map[string]struct {
		tower Tower
		want  string
	}{
		`"size":{"height":336,"width":336}`:       {tower, "size is 336 x 336, config.json's vision_config.image_size is 384"},
		`"size":{"shortest_edge":300}`:            {tower, "size is 300 x 300"},
		`"do_resize":false`:                       {tower, "do_resize false"},
		`"crop_size":{"height":384}`:              {tower, "crop_size is not supported"},
		`"image_grid_pinpoints":[[384,384]]`:      {tower, "differs from config.json's"},
		`"image_grid_pinpoints":[[384,400]]`:      {tower, "image_grid_pinpoints: [384 400] is not supported, expected multiples of 384"},
		`"image_grid_pinpoints":[[384]]`:          {tower, "image_grid_pinpoints: [384] is not a height and a width"},
		`"image_grid_pinpoints":[]`:               {tower, "image_grid_pinpoints: 0 sizes"},
		`"image_mean":[0.5,2,0.5]`:                {tower, "image_mean[1] is 2"},
		`"image_mean":[0.5],"do_normalize":false`: {tower, "image_mean has 1 values"},
		`"resample":9`:                            {tower, "resample 9"},
		`"do_tile":1`:                             {tower, `fields ["do_tile"]`},
		`"resample":3`:                            {odd, "does not fit the model: its tower gives 728 rows"},
	} {
		config := fmt.Sprintf(`{"image_processor_type":"LlavaOnevisionImageProcessor",%s}`, fields)
		if _, err := ParseProcessor([]byte(config), c.tower); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", config, err, c.want)
		}
	}
	if _, err := ParseProcessor([]byte(`{"image_processor_type":"LlavaOnevisionImageProcessorFast","size":{"shortest_edge":384},"crop_size":null}`), tower); err != nil {
		t.Error(err)
	}
}

func TestTheNestedProcessorCountsBeforeTheFileBesideIt(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"processor_config.json":    `{"image_processor":{"image_processor_type":"SiglipImageProcessor","size":20}}`,
		"preprocessor_config.json": `{"image_processor_type":"SiglipImageProcessor","size":30}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := must(t)(LoadProcessor(dir, Tower{}))
	if width := p.(*SiglipProcessor).Width; width != 20 {
		t.Errorf("the width is %d, the nested one is 20", width)
	}
	if err := os.WriteFile(filepath.Join(dir, "processor_config.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadProcessor(dir, Tower{}); err == nil || !strings.Contains(err.Error(), "processor_config.json") {
		t.Errorf("a cut processor_config.json: %v", err)
	}
}

func TestSizesOfTurnedPicturesAreThoseOfTheDecodedOnes(t *testing.T) {
	for turn := 1; turn <= 8; turn++ {
		b := read(t, fmt.Sprintf("exif-%d.jpg", turn))
		info, err := DecodeConfig(b, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(b, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := UprightSize(b, info); got != (Size{p.H, p.W}) {
			t.Errorf("orientation %d: %v by its header, %d x %d decoded", turn, got, p.H, p.W)
		}
	}
}
