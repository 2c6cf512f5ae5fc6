package backend

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/image/raster"
	"aircache.dev/aircache/runtime/sampling"
)

// recorder is a device that notes what reaches it. Ops that a case must stop are not there: calling one is a nil dereference.
type recorder struct {
	Backend
	calls  []string
	broken error
}

func (r *recorder) note(op string)                                    { r.calls = append(r.calls, op) }
func (r *recorder) Sync() error                                       { return r.broken }
func (r *recorder) Reserve(Pool) error                                { r.note("reserve"); return nil }
func (r *recorder) Add(_, _ Tensor)                                   { r.note("add") }
func (r *recorder) Alloc(rows, cols int, _ Precision) (Tensor, error) { return tensor(rows, cols), nil }
func (r *recorder) Stage([]Sequence) (Batch, error)                   { r.note("stage"); return &recorder{}, nil }
func (r *recorder) Rows() int                                         { return 0 }
func (r *recorder) Embed(_, _ Tensor, _ Batch)                        { r.note("embed") }
func (r *recorder) Append(_, _ Tensor, _ int, _ Batch, _ Heads)       { r.note("append") }
func (r *recorder) Keep(LayerKV, [][]int32, []int32)                  { r.note("keep") }
func (r *recorder) Linear(_, _, _, _ Tensor, _ bool)                  { r.note("linear") }
func (r *recorder) Attend(_, _, _ Tensor, _ int, _ Batch, _ Heads)    { r.note("attend") }

// square is one tile of 2 x 2 patches.
func square() *raster.Picture {
	p := raster.New(6, 6)
	ground := raster.Whole(p.Size())
	return &raster.Picture{RGB: p, Frames: []raster.Frame{{Under: ground, On: ground}}, Tile: p.Size(), Levels: &raster.Levels{}}
}

func tensor(rows, cols int) Tensor { return Tensor{Rows: rows, Cols: cols, Memory: "device"} }

func exact(rows, cols int) Tensor {
	return Tensor{Rows: rows, Cols: cols, Precision: Exact, Memory: "device"}
}

// staged stages without a look at the result: what is wrong with a step may show when it is staged, or when it is used.
func staged(c *Checked, s []Sequence) Batch {
	b, err := c.Stage(s)
	c.ok(err)
	return b
}

var onePool = Pool{Pages: 4, Heads: heads, Layers: 1, Sequences: 4, Rows: 64}

var heads = Heads{Query: 2, KV: 1, Dim: 4} // 16 columns of qkv, 8 of queries

func sequence(rows, length int, pages ...int32) []Sequence {
	return []Sequence{{Rows: rows, KV: KVView{Layers: []LayerKV{{Pages: pages, Len: length}}}}}
}

func TestWrongArgumentsNeverReachTheDevice(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(c *Checked)
		want string
	}{
		"patches of other sizes":  {func(c *Checked) { c.Patches(tensor(4, 12), square(), 3) }, "patches: the result is 4 x 12, 4 x 27 wanted"},
		"patches beyond a tile":   {func(c *Checked) { c.Patches(tensor(4, 12), square(), 7) }, "7 x 7 pixels are no patch of a tile of 6 x 6"},
		"patches of no picture":   {func(c *Checked) { c.Patches(tensor(4, 12), &raster.Picture{}, 3) }, "patches: a picture has no pixels"},
		"patches by a plain one":  {func(c *Checked) { c.Patches(tensor(4, 27), square(), 3) }, "patches: the device takes no picture of 6 x 6 pixels in 1 frames"},
		"a missing tensor":        {func(c *Checked) { c.Add(tensor(1, 1), Tensor{}) }, "add: operand 1 is missing"},
		"rows that do not repeat": {func(c *Checked) { c.Add(tensor(3, 1), tensor(2, 1)) }, "2 x 1 does not repeat under 3 x 1"},
		"a write of another size": {func(c *Checked) { c.Write(tensor(2, 2), make([]float32, 3)) }, "write: the tensor is 2 x 2, the host has 3"},
		"a read of another size":  {func(c *Checked) { c.Read(make([]float32, 3), tensor(2, 2)) }, "read: the tensor is 2 x 2, the host has 3"},
		"a row outside":           {func(c *Checked) { c.Gather(tensor(1, 1), tensor(2, 1), []int32{2}) }, "row 2 (number 0) is outside 0..1"},
		"too few rows":            {func(c *Checked) { c.Gather(tensor(2, 1), tensor(2, 1), []int32{0}) }, "do not fill 2 x 1"},
		"too few columns":         {func(c *Checked) { c.Gather(tensor(1, 2), tensor(2, 1), []int32{0}) }, "do not fill 1 x 2"},
		"a blend outside":         {func(c *Checked) { c.Blend(tensor(1, 1), tensor(2, 1), []int32{1, 2}, []float32{1, 1}) }, "row 2 (number 1) is outside 0..1"},
		"a blend of no rows":      {func(c *Checked) { c.Blend(tensor(1, 1), tensor(2, 1), nil, nil) }, "0 rows of 1 columns with 0 shares do not make 1 x 1"},
		"an uneven blend":         {func(c *Checked) { c.Blend(tensor(2, 1), tensor(2, 1), []int32{0, 1, 1}, make([]float32, 3)) }, "3 rows"},
		"a blend of few shares":   {func(c *Checked) { c.Blend(tensor(1, 1), tensor(2, 1), []int32{0, 1}, []float32{1}) }, "with 1 shares"},
		"a blend of other widths": {func(c *Checked) { c.Blend(tensor(1, 1), tensor(2, 2), []int32{0}, []float32{1}) }, "of 2 columns"},
		"a scatter outside":       {func(c *Checked) { c.Scatter(tensor(2, 1), tensor(1, 1), []int32{-1}) }, "row -1"},
		"a narrow scatter":        {func(c *Checked) { c.Scatter(tensor(2, 2), tensor(1, 1), []int32{0}) }, "1 x 2 wanted"},
		"a narrow norm":           {func(c *Checked) { c.RMSNorm(tensor(1, 4), tensor(1, 4), tensor(1, 3), 0) }, "the weight is 1 x 3, 1 x 4 wanted"},
		"a norm without bias":     {func(c *Checked) { c.LayerNorm(tensor(1, 4), tensor(1, 4), tensor(1, 4), Tensor{}, 0) }, "the bias is 0 x 0"},
		"a linear that is askew":  {func(c *Checked) { c.Linear(tensor(1, 3), tensor(1, 4), tensor(3, 5), Tensor{}, false) }, "x is 1 x 4, the weight 3 x 5"},
		"a linear's wrong bias":   {func(c *Checked) { c.Linear(tensor(1, 3), tensor(1, 4), tensor(3, 4), tensor(1, 4), false) }, "the bias is 1 x 4, 1 x 3 wanted"},
		"a linear's wrong result": {func(c *Checked) { c.Linear(tensor(2, 3), tensor(1, 4), tensor(3, 4), Tensor{}, false) }, "the result is 2 x 3, 1 x 3 wanted"},
		"an unknown activation":   {func(c *Checked) { c.Activate(tensor(1, 1), 9) }, "function 9"},
		"a gate of odd width":     {func(c *Checked) { c.GatedSiLU(tensor(1, 2), tensor(1, 3)) }, "1 x 4 wanted"},
		"no heads":                {func(c *Checked) { c.Mix(tensor(1, 8), tensor(1, 16), 1, Heads{}) }, "0 query heads"},
		"unequal groups":          {func(c *Checked) { c.Mix(tensor(1, 8), tensor(1, 16), 1, Heads{3, 2, 4}) }, "3 query heads, 2 KV heads"},
		"unequal sequences":       {func(c *Checked) { c.Mix(tensor(3, 8), tensor(3, 16), 2, heads) }, "3 rows are not 2 equal sequences"},
		"a turn by fewer angles":  {func(c *Checked) { c.Turn(tensor(2, 16), exact(1, 4), heads) }, "turn: the angles is 1 x 4, 2 x 4 wanted"},
		"a rotation of odd heads": {func(c *Checked) {
			c.Append(tensor(1, 12), exact(1, 3), 0, staged(c, sequence(1, 0, 0)), Heads{2, 1, 3})
		}, "head dim 3 is odd"},
		"a rotation of few angles": {func(c *Checked) {
			c.Append(tensor(2, 16), exact(1, 4), 0, staged(c, sequence(2, 0, 0)), heads)
		}, "the angles is 1 x 4, 2 x 4 wanted"},
		"a rotation by rounded angles": {func(c *Checked) {
			c.Append(tensor(1, 16), tensor(1, 4), 0, staged(c, sequence(1, 0, 0)), heads)
		}, "the angles must be of precision Exact"},
		"a narrow qkv":            {func(c *Checked) { c.Append(tensor(1, 8), exact(1, 4), 0, staged(c, sequence(1, 0, 0)), heads) }, "qkv is 1 x 8, 1 x 16 wanted"},
		"rows without a sequence": {func(c *Checked) { c.Append(tensor(2, 16), exact(2, 4), 0, staged(c, sequence(1, 0, 0)), heads) }, "qkv is 2 x 16, 1 x 16 wanted"},
		"a layer that is not":     {func(c *Checked) { c.Append(tensor(1, 16), exact(1, 4), 1, staged(c, sequence(1, 0, 0)), heads) }, "has 1 layers, layer 1 wanted"},
		"an empty sequence":       {func(c *Checked) { staged(c, sequence(0, 0, 0)) }, "it has 0 rows"},
		"no sequence":             {func(c *Checked) { staged(c, nil) }, "it has no rows"},
		"a page too few":          {func(c *Checked) { staged(c, sequence(1, 16, 0)) }, "16 cached and 1 new rows need 2 pages, 1 given (layer 0)"},
		"a page outside":          {func(c *Checked) { staged(c, sequence(1, 0, 4)) }, "page 4 (number 0) is outside 0..3"},
		"too many layers":         {func(c *Checked) { staged(c, []Sequence{{Rows: 1, KV: KVView{Layers: make([]LayerKV, 2)}}}) }, "in 2 layers, the pool has 1"},
		"a slot outside":          {func(c *Checked) { staged(c, []Sequence{{Rows: 1, Slot: Slots}}) }, "slot 4096 is outside -1..4095"},
		"a token of no slot":      {func(c *Checked) { staged(c, []Sequence{{Rows: 1, Tokens: []int32{-4097}}}) }, "token -4097"},
		"a token too few":         {func(c *Checked) { staged(c, []Sequence{{Rows: 2, Tokens: []int32{1}}}) }, "2 rows and 1 tokens"},
		"a token outside": {func(c *Checked) {
			c.Embed(tensor(1, 3), tensor(5, 3), staged(c, []Sequence{{Rows: 1, Tokens: []int32{5}}}))
		}, "token 5 (number 0 of sequence 0) is outside 0..4"},
		"rows without tokens": {func(c *Checked) { c.Embed(tensor(1, 3), tensor(5, 3), staged(c, []Sequence{{Rows: 1}})) }, "without tokens"},
		"a batch of yesterday": {func(c *Checked) {
			old := staged(c, []Sequence{{Rows: 1}})
			staged(c, []Sequence{{Rows: 1}})
			c.Angles(exact(1, 4), exact(1, 2), old)
		}, "not the one that was staged last"},
		"no batch": {func(c *Checked) { c.Attend(tensor(1, 8), Tensor{}, tensor(1, 16), 0, nil, heads) }, "not the one that was staged last"},
		"sums of other rows": {func(c *Checked) {
			c.Attend(tensor(1, 8), exact(2, 2), tensor(1, 16), 0, staged(c, sequence(1, 0, 0)), heads)
		}, "the sums is 2 x 2, 1 x 2 wanted"},
		"rounded sums": {func(c *Checked) {
			c.Attend(tensor(1, 8), tensor(1, 2), tensor(1, 16), 0, staged(c, sequence(1, 0, 0)), heads)
		}, "the sums must be of precision Exact"},
		"rounded logits": {func(c *Checked) { c.Sample(tensor(1, 3), staged(c, []Sequence{{Rows: 1}})) }, "the logits must be of precision Exact"},
		"logits of two":  {func(c *Checked) { c.Sample(exact(2, 3), staged(c, []Sequence{{Rows: 1}})) }, "the logits is 2 x 3, 1 x 3 wanted"},
		"a draw beyond all": {func(c *Checked) {
			c.Sample(exact(1, 3), staged(c, []Sequence{{Rows: 1, Draw: sampling.Draw{Point: 1}}}))
		}, "cannot be drawn"},
		"a load of odd bytes":      {func(c *Checked) { c.Load(tensor(1, 1), make([]byte, 3), BF16) }, "3 bytes of \"BF16\""},
		"a load of integers":       {func(c *Checked) { c.Load(tensor(1, 1), make([]byte, 8), "I64") }, "\"I64\""},
		"a load of fewer rows":     {func(c *Checked) { c.Load(tensor(2, 1), make([]byte, 2), F16) }, "the tensor is 2 x 1, the host has 1"},
		"keeping a row outside":    {func(c *Checked) { c.Keep(LayerKV{[]int32{0}, 2}, [][]int32{{2}}, []int32{1}) }, "row 2"},
		"keeping rows that fall":   {func(c *Checked) { c.Keep(LayerKV{[]int32{0}, 2}, [][]int32{{1, 0}}, []int32{1}) }, "row 0 (number 1) does not rise above 1"},
		"keeping into no page":     {func(c *Checked) { c.Keep(LayerKV{[]int32{0}, 2}, [][]int32{{1}}, nil) }, "need 1 pages, 0 given"},
		"keeping for no head":      {func(c *Checked) { c.Keep(LayerKV{[]int32{0}, 2}, nil, []int32{1}) }, "0 lists of rows"},
		"keeping for a third head": {func(c *Checked) { c.Keep(LayerKV{[]int32{0}, 2}, [][]int32{{1}, {1}, {1}}, []int32{1}) }, "3 lists of rows"},
		"reading a row outside": {func(c *Checked) {
			c.ReadRows(make([]float32, 4), make([]float32, 4), LayerKV{[]int32{0}, 2}, []int32{2})
		}, "row 2"},
		"reading into too little": {func(c *Checked) { c.ReadRows(make([]float32, 4), nil, LayerKV{[]int32{0}, 2}, []int32{1}) }, "of values: the result has 0 values, 4 wanted"},
		"columns without weights": {func(c *Checked) {
			c.Columns(make([]float32, 2), tensor(1, 8), LayerKV{[]int32{0}, 2}, Weighted{Rows: []int32{0}}, heads)
		}, "of weights: the result has 0 values, 1 wanted"},
		"columns of some rows": {func(c *Checked) {
			c.Columns(make([]float32, 1), tensor(1, 8), LayerKV{[]int32{0}, 2}, Weighted{[]int32{0}, []float32{1}}, heads)
		}, "the result has 1 values, 2 wanted"},
		"density over everything": {func(c *Checked) {
			c.Density(make([]float32, 1), tensor(1, 8), LayerKV{[]int32{0}, 2}, []int32{0}, 2, heads)
		}, "the bar is 2"},
		"relevance of no rows": {func(c *Checked) { c.Relevance(nil, tensor(1, 8), LayerKV{[]int32{0}, 2}, nil, heads) }, "no query row"},
		"relevance of a wide q": {func(c *Checked) {
			c.Relevance(make([]float32, 1), tensor(1, 9), LayerKV{[]int32{0}, 2}, []int32{0}, heads)
		}, "1 x 8 wanted"},
		"relevance into too much": {func(c *Checked) {
			c.Relevance(make([]float32, 2), tensor(1, 8), LayerKV{[]int32{0}, 2}, []int32{0}, heads)
		}, "the result has 2 values, 1 wanted"},
	} {
		device := &recorder{}
		checked := Check(device)
		if err := checked.Reserve(onePool); err != nil {
			t.Fatal(err)
		}
		device.calls = nil
		c.run(checked)
		device.calls = slices.DeleteFunc(device.calls, func(call string) bool { return call == "stage" })
		checked.Add(tensor(1, 1), tensor(1, 1)) // after an error even this must not run
		if len(device.calls) > 0 {
			t.Errorf("%s: the device was called: %v", name, device.calls)
		}
		if err := checked.Sync(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, the error should say %q", name, err, c.want)
		}
		checked.Add(tensor(1, 1), tensor(1, 1))
		if err := checked.Sync(); err != nil || len(device.calls) != 1 {
			t.Errorf("%s: the step after it: %v, calls %v", name, err, device.calls)
		}
	}
}

func TestRightArgumentsReachTheDevice(t *testing.T) {
	device := &recorder{}
	c := Check(device)
	if err := c.Reserve(onePool); err != nil {
		t.Fatal(err)
	}
	b := staged(c, sequence(3, 14, 3, 0))
	c.Append(tensor(3, 16), exact(3, 4), 0, b, heads)
	c.Attend(tensor(3, 8), exact(3, 2), tensor(3, 16), 0, b, heads)
	c.Keep(LayerKV{[]int32{3, 0}, 17}, [][]int32{{0, 16}}, []int32{3})
	c.Linear(tensor(2, 3), tensor(2, 4), tensor(3, 4), Tensor{}, true)
	if err := c.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(device.calls, " "); got != "reserve stage append attend keep linear" {
		t.Errorf("the device saw %q", got)
	}
}

// compressing is a device that takes every compression.
type compressing struct {
	recorder
	taken int
}

func (*compressing) Compresses(compress.Options) bool { return true }

func (c *compressing) Compress(Compression) (Ticket, error) { c.taken++; return nil, nil }

func TestWrongCompressionsNeverReachTheDevice(t *testing.T) {
	device := &compressing{}
	c := Check(device)
	if err := c.Reserve(onePool); err != nil {
		t.Fatal(err)
	}
	good := func() Compression {
		return Compression{Permille: 500, Heads: heads, Sources: []LayerKV{{[]int32{0}, 4}}, Queries: []Tensor{tensor(1, 8)}, Pages: []int32{1, 2},
			Prompt: compress.Prompt{Rows: 4, Visual: []int32{0, 1}, Observe: []int32{3}}}
	}
	for want, spoil := range map[string]func(*Compression){
		"0 saved queries":              func(x *Compression) { x.Queries = nil },
		"1001 permille":                func(x *Compression) { x.Permille = 1001 },
		"layer 0 has 4 rows":           func(x *Compression) { x.Prompt.Rows = 5 },
		"no query row was saved":       func(x *Compression) { x.Prompt.Observe = nil },
		"1 x 8 wanted":                 func(x *Compression) { x.Queries[0] = tensor(2, 8) },
		"no visual row":                func(x *Compression) { x.Prompt.Visual = nil },
		"visual row 4":                 func(x *Compression) { x.Prompt.Visual[1] = 4 },
		"padding row -1":               func(x *Compression) { x.Prompt.Padding = []int32{-1} },
		"page 4 (number 1) is outside": func(x *Compression) { x.Pages[1] = 4 },
		"1 pages were given": func(x *Compression) {
			x.Sources, x.Queries = append(x.Sources, x.Sources[0]), append(x.Queries, x.Queries[0])
			x.Pages = x.Pages[:1]
		},
		"0 query heads, 0 KV heads":       func(x *Compression) { x.Heads = Heads{} },
		"1 layers have the sums of 2":     func(x *Compression) { x.Sums = []Tensor{exact(1, 2), exact(1, 2)} },
		"the sums is 1 x 3, 1 x 2 wanted": func(x *Compression) { x.Sums = []Tensor{exact(1, 3)} },
		"must be of precision Exact":      func(x *Compression) { x.Sums = []Tensor{tensor(1, 2)} },
		"layer 0 has no sums":             func(x *Compression) { x.Sums = []Tensor{{}} },
	} {
		x := good()
		spoil(&x)
		_, err := c.Compress(x)
		if err == nil || !strings.Contains(err.Error(), want) || device.taken != 0 {
			t.Errorf("%v, the error should say %q", err, want)
		}
	}
	if _, err := c.Compress(good()); err != nil || device.taken != 1 {
		t.Errorf("a good one: %v", err)
	}
	if plain := Check(&recorder{}); plain.Compresses(compress.Options{}) {
		t.Error("a device without a Compressor compresses")
	}
}

func TestDeviceErrorsAreReported(t *testing.T) {
	broken := errors.New("the device fell off the bus")
	c := Check(&recorder{broken: broken})
	if err := c.Sync(); !errors.Is(err, broken) {
		t.Errorf("Sync says %v", err)
	}
	for shape, want := range map[[2]int]string{{0, 1}: "0 x 1", {1, -1}: "1 x -1"} {
		if _, err := c.Alloc(shape[0], shape[1], Working); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("allocating %v says %v", shape, err)
		}
	}
	if err := c.Reserve(Pool{Heads: heads}); err == nil || !strings.Contains(err.Error(), "0 pages") {
		t.Errorf("reserving nothing says %v", err)
	}
}
