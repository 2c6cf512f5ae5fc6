package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
)

// The files that a folder's weights are found by: all in one, or an index that names the shards.
const (
	SingleFile = "model.safetensors"
	IndexFile  = "model.safetensors.index.json"
)

// ErrNone: a folder has no weights.
var ErrNone = errors.New("has no weights")

const maxIndexBytes = 64 << 20

// Checkpoint is the weights of one model folder.
type Checkpoint struct {
	dir     string
	tensors map[string]*Tensor
	files   map[string]string // tensor to file name
	maps    []mapping

	// Told is told the bytes of tensors that were used by now, and those of all; nil: nobody.
	Told func(used, all int64)
	used int64
}

// Open maps the weight files of a folder and checks their headers.
func Open(dir string) (*Checkpoint, error) {
	c := &Checkpoint{dir: dir, tensors: map[string]*Tensor{}, files: map[string]string{}}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Checkpoint) open() error {
	where, err := readIndex(filepath.Join(c.dir, IndexFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(c.dir, SingleFile)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("opening weights: %s %w: neither %s nor %s", c.dir, ErrNone, SingleFile, IndexFile)
		}
		return c.add(SingleFile, nil)
	}
	if err != nil {
		return err
	}
	shards := map[string][]string{}
	for tensor, file := range where {
		shards[file] = append(shards[file], tensor)
	}
	for _, file := range sortedKeys(shards) {
		slices.Sort(shards[file])
		if err := c.add(file, shards[file]); err != nil {
			return err
		}
	}
	return nil
}

// add maps one file. With a list of tensors it must hold those, and only they are visible.
func (c *Checkpoint) add(file string, wanted []string) error {
	path := filepath.Join(c.dir, file)
	m, err := mapFile(path)
	if err != nil {
		return fmt.Errorf("opening weights: %w", err)
	}
	c.maps = append(c.maps, m)
	var tensors map[string]*Tensor
	err = guardFaults(func() error {
		tensors, err = parse(m)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if wanted == nil {
		wanted = sortedKeys(tensors)
	}
	for _, name := range wanted {
		t, found := tensors[name]
		if !found {
			return fmt.Errorf("reading %s: tensor %q is missing, though %s places it there", path, name, IndexFile)
		}
		c.tensors[name], c.files[name] = t, file
	}
	return nil
}

// readIndex gives tensor to file. A file is a plain name inside the folder.
func readIndex(path string) (map[string]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxIndexBytes {
		return nil, fmt.Errorf("reading %s: it has %d bytes, the limit is %d", path, info.Size(), maxIndexBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the weight index: %w", err)
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(index.WeightMap) == 0 {
		return nil, fmt.Errorf("reading %s: weight_map is missing or empty", path)
	}
	for _, tensor := range sortedKeys(index.WeightMap) {
		file := index.WeightMap[tensor]
		if file == "" || file != filepath.Base(file) || file == "." || file == ".." {
			return nil, fmt.Errorf("reading %s: weight_map of %q names %q, a file name inside the folder is wanted", path, tensor, file)
		}
	}
	return index.WeightMap, nil
}

// Files are the names of the weight files that a folder needs, by its index alone: they need not be there.
func Files(dir string) ([]string, error) {
	where, err := readIndex(filepath.Join(dir, IndexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return []string{SingleFile}, nil
	}
	if err != nil {
		return nil, err
	}
	return slices.Compact(slices.Sorted(maps.Values(where))), nil
}

// Has reports whether there is such a tensor.
func (c *Checkpoint) Has(name string) bool { return c.tensors[name] != nil }

// Tensor gives one tensor as it lies in its file.
func (c *Checkpoint) Tensor(name string) (Tensor, error) {
	t, found := c.tensors[name]
	if !found {
		return Tensor{}, fmt.Errorf("reading weights of %s: there is no tensor %q", c.dir, name)
	}
	return *t, nil
}

// Float32 converts one tensor and wants its shape. A wanted dimension of -1 fits any size.
func (c *Checkpoint) Float32(name string, wantShape ...int) (values []float32, err error) {
	err = c.Use(name, func(t Tensor) error {
		values = make([]float32, t.Values())
		t.DType.Widen(values, t.Data)
		return nil
	}, wantShape...)
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Use shows one tensor of floats as it lies in its file, and wants its shape. use must read Data on the goroutine that calls it:
// a file that somebody cuts meanwhile is then an error.
func (c *Checkpoint) Use(name string, use func(Tensor) error, wantShape ...int) error {
	t, err := c.Tensor(name)
	if err != nil {
		return err
	}
	where := filepath.Join(c.dir, c.files[name])
	if !fits(t.Shape, wantShape) {
		return fmt.Errorf("reading %s: tensor %q has shape %v, %v wanted", where, name, t.Shape, wantShape)
	}
	if t.DType != F32 && t.DType != F16 && t.DType != BF16 {
		return fmt.Errorf("reading %s: tensor %q has dtype %s, one of F32, F16, BF16 wanted", where, name, t.DType)
	}
	if err := guardFaults(func() error { return use(t) }); err != nil {
		return fmt.Errorf("reading %s: tensor %q: %w", where, name, err)
	}
	if c.Told != nil {
		all := c.bytes()
		c.used = min(c.used+int64(len(t.Data)), all) // one that is used twice is still one
		c.Told(c.used, all)
	}
	return nil
}

// bytes of all tensors that are visible.
func (c *Checkpoint) bytes() (sum int64) {
	for _, t := range c.tensors {
		sum += int64(len(t.Data))
	}
	return sum
}

func fits(shape, want []int) bool {
	return slices.EqualFunc(shape, want, func(has, wanted int) bool { return wanted == -1 || has == wanted })
}

// guardFaults makes an error of reading past the end of a file that somebody cut while it was mapped.
func guardFaults(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			fault, ok := v.(interface{ Addr() uintptr })
			if !ok {
				panic(v)
			}
			err = fmt.Errorf("the file changed while it was read (fault at %#x)", fault.Addr())
		}
	}()
	return read()
}

// Close unmaps the files; every Tensor's Data is invalid afterwards.
func (c *Checkpoint) Close() error {
	var all []error
	for _, m := range c.maps {
		all = append(all, m.unmap())
	}
	*c = Checkpoint{dir: c.dir}
	return errors.Join(all...)
}
