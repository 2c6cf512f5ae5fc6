package weights

import (
	"encoding/binary"
	"strings"
	"testing"
)

func TestHeadersThatAreRefused(t *testing.T) {
	data := make([]byte, 16)
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"an empty file":                {nil, "has 0 bytes"},
		"a cut length":                 {[]byte{1, 2, 3}, "has 3 bytes"},
		"a huge header":                {binary.LittleEndian.AppendUint64(nil, 1<<60), "the limit is 104857600"},
		"a header cut short":           {file(`{"a"`, nil)[:10], "the file ends after 2"},
		"no JSON":                      {file(`hello`, nil), "not a JSON object"},
		"a list":                       {file(`[]`, nil), "not a JSON object"},
		"an open object":               {file(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}`, data), "EOF"},
		"text behind":                  {file(`{} {}`, nil), "more after the JSON object"},
		"a wrong entry":                {file(`{"a":7}`, nil), `tensor "a"`},
		"wrong metadata":               {file(`{"__metadata__":{"n":1}}`, nil), "__metadata__"},
		"a name twice":                 {file(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, data), `"a" stands in it twice`},
		"an unknown dtype":             {file(`{"a":{"dtype":"F12","shape":[4],"data_offsets":[0,16]}}`, data), `tensor "a": dtype "F12"`},
		"one offset":                   {file(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0]}}`, data), "data_offsets has 1"},
		"offsets past the end":         {file(`{"a":{"dtype":"F32","shape":[5],"data_offsets":[0,20]}}`, data), "bytes 0..20 are outside of the data, which has 16"},
		"a negative offset":            {file(`{"a":{"dtype":"F32","shape":[5],"data_offsets":[-4,16]}}`, data), "bytes -4..16"},
		"offsets turned round":         {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[16,8]}}`, data), "bytes 16..8"},
		"too few bytes for the shape":  {file(`{"a":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}}`, data), "needs 20 bytes, bytes 0..16 are 16"},
		"a negative dimension":         {file(`{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}`, data), "negative or too large"},
		"a product that overflows":     {file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296,16],"data_offsets":[0,16]}}`, data), "negative or too large"},
		"nine dimensions":              {file(`{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16]}}`, data), "9 dimensions, the limit is 8"},
		"an overlap":                   {file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, data), `"b": it starts at byte 8, inside tensor "a"`},
		"a gap":                        {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, data), `"b": it starts at byte 8, but tensor "a" ends at 4`},
		"bytes that belong to nothing": {file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}`, data), "end at byte 12 of the data, the file has 16"},
	} {
		if _, err := parse(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, the error should say %q", name, err, c.want)
		}
	}
}

func TestHeadersThatAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		file    []byte
		tensors int
	}{
		"nothing":           {file(`{}`, nil), 0},
		"metadata only":     {file(`{"__metadata__":{"format":"pt"}}   `, nil), 0},
		"a scalar":          {file(`{"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, make([]byte, 4)), 1},
		"an empty tensor":   {file(`{"e":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, make([]byte, 2)), 2},
		"any order of data": {file(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, make([]byte, 2)), 2},
	} {
		tensors, err := parse(c.file)
		if err != nil || len(tensors) != c.tensors {
			t.Errorf("%s: %d tensors and %v, %d wanted", name, len(tensors), err, c.tensors)
		}
	}
}

// FuzzParse: no input makes the parser fail in another way than by an error, and what it accepts lies inside the file.
func FuzzParse(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]}}`, make([]byte, 18)))
	f.Add(file(`{"__metadata__":{"format":"pt"},"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`, make([]byte, 8)))
	f.Add(file(`{"a":{"dtype":"F32","shape":[9223372036854775807,2],"data_offsets":[0,0]}}`, nil))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, content []byte) {
		tensors, err := parse(content)
		if err != nil {
			return
		}
		total := 0
		for name, tensor := range tensors {
			total += len(tensor.Data)
			if len(tensor.Data) != tensor.Values()*dtypeBytes[tensor.DType] {
				t.Errorf("tensor %q: %d bytes for shape %v of %s", name, len(tensor.Data), tensor.Shape, tensor.DType)
			}
		}
		header := int(binary.LittleEndian.Uint64(content))
		if total != len(content)-8-header {
			t.Errorf("%d bytes in tensors, %d in the file", total, len(content)-8-header)
		}
	})
}
