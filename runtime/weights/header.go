package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Limits of one file, far above any real model's.
const (
	maxHeaderBytes = 100 << 20 // what the reference reader allows
	maxDimensions  = 8
)

// Tensor is one tensor of a file. Data points into the mapped file: it is valid until Close, and must not be written.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
}

// Values is the number of values.
func (t *Tensor) Values() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// entry is one tensor of a header as it is written.
type entry struct {
	DType   DType   `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// parse reads a whole file's bytes. The tensors share its memory.
func parse(file []byte) (map[string]*Tensor, error) {
	const prefix = 8
	if len(file) < prefix {
		return nil, fmt.Errorf("the file has %d bytes, a header needs at least %d", len(file), prefix)
	}
	size := binary.LittleEndian.Uint64(file)
	if size > maxHeaderBytes {
		return nil, fmt.Errorf("the header says it has %d bytes, the limit is %d", size, maxHeaderBytes)
	}
	if size > uint64(len(file)-prefix) {
		return nil, fmt.Errorf("the header says it has %d bytes, the file ends after %d", size, len(file)-prefix)
	}
	header, data := file[prefix:prefix+int(size)], file[prefix+int(size):]
	entries, err := decodeHeader(header)
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	return place(entries, data)
}

// decodeHeader goes through the object key by key: a plain Unmarshal would let the last of two equal names win.
func decodeHeader(header []byte) (map[string]entry, error) {
	d := json.NewDecoder(bytes.NewReader(header))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.Join(errors.New("it is not a JSON object"), err)
	}
	entries := map[string]entry{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := token.(string) // inside an object the decoder gives keys at this place
		if name == "__metadata__" {
			var metadata map[string]string
			if err := d.Decode(&metadata); err != nil {
				return nil, fmt.Errorf("__metadata__: %w", err)
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if _, twice := entries[name]; twice {
			return nil, fmt.Errorf("tensor %q stands in it twice", name)
		}
		entries[name] = e
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the JSON object")
	}
	return entries, nil
}

// place checks every entry and cuts data into tensors, which must cover it without gap or overlap.
func place(entries map[string]entry, data []byte) (map[string]*Tensor, error) {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names) // the same file gives the same error every time
	tensors := make(map[string]*Tensor, len(names))
	for _, name := range names {
		t, err := entries[name].tensor(name, data)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		tensors[name] = t
	}
	slices.SortStableFunc(names, func(a, b string) int { return slices.Compare(entries[a].Offsets, entries[b].Offsets) })
	end, previous := int64(0), "the header"
	for _, name := range names {
		offsets := entries[name].Offsets
		if offsets[0] < end {
			return nil, fmt.Errorf("tensor %q: it starts at byte %d, inside %s, which ends at %d", name, offsets[0], previous, end)
		}
		if offsets[0] > end {
			return nil, fmt.Errorf("tensor %q: it starts at byte %d, but %s ends at %d", name, offsets[0], previous, end)
		}
		end, previous = offsets[1], fmt.Sprintf("tensor %q", name)
	}
	if end != int64(len(data)) {
		return nil, fmt.Errorf("the tensors end at byte %d of the data, the file has %d", end, len(data))
	}
	return tensors, nil
}

func (e entry) tensor(name string, data []byte) (*Tensor, error) {
	size, known := dtypeBytes[e.DType]
	if !known {
		return nil, fmt.Errorf("dtype %q is not known", e.DType)
	}
	if len(e.Shape) > maxDimensions {
		return nil, fmt.Errorf("shape %v has %d dimensions, the limit is %d", e.Shape, len(e.Shape), maxDimensions)
	}
	if len(e.Offsets) != 2 {
		return nil, fmt.Errorf("data_offsets has %d values, 2 wanted", len(e.Offsets))
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if begin < 0 || end < begin || end > int64(len(data)) {
		return nil, fmt.Errorf("bytes %d..%d are outside of the data, which has %d", begin, end, len(data))
	}
	bytes, shape := int64(size), make([]int, len(e.Shape))
	for i, d := range e.Shape {
		if d < 0 || d > 0 && bytes > math.MaxInt64/d {
			return nil, fmt.Errorf("shape %v is negative or too large", e.Shape)
		}
		bytes *= d
		shape[i] = int(d)
	}
	if bytes != end-begin {
		return nil, fmt.Errorf("shape %v of %s needs %d bytes, bytes %d..%d are %d", e.Shape, e.DType, bytes, begin, end, end-begin)
	}
	return &Tensor{Name: name, DType: e.DType, Shape: shape, Data: data[begin:end:end]}, nil
}
