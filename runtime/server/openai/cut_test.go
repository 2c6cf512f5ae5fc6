package openai

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// cutAll reads a value with the cutting functions, down to its leaves.
func cutAll(raw []byte) any {
	switch raw[0] {
	case '{':
		object := map[string]any{}
		eachField(raw, func(name, value []byte) bool {
			var plain string
			_ = json.Unmarshal(name, &plain)
			object[plain] = cutAll(value)
			return true
		})
		return object
	case '[':
		list := []any{}
		eachElement(raw, func(value []byte) bool {
			list = append(list, cutAll(value))
			return true
		})
		return list
	}
	var leaf any
	_ = json.Unmarshal(raw, &leaf)
	return leaf
}

func TestCuttingStopsWhereItIsTold(t *testing.T) {
	var names, values []string
	eachField([]byte(` {"a" : "}\"]" , "b\\":[1, {"x":[]}],"c":null}`)[1:], func(name, value []byte) bool {
		names, values = append(names, string(name)), append(values, string(value))
		return len(names) < 2
	})
	if strings.Join(names, " ") != `"a" "b\\"` || strings.Join(values, " ") != `"}\"]" [1, {"x":[]}]` {
		t.Errorf("names %q, values %q", names, values)
	}
}

// Whatever is valid JSON is cut into the same values that encoding/json reads.
func FuzzCutEqualsEncodingJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `[]`, `{"a":1,"a":[true , "x\\\"",{"":null}]}`, "[\r\n\t -1.5e3 ,\"\\\\\"]", `{"k" : {"]":"}"} , "l":[[],{}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.Trim(text, " \t\r\n")
		var want any
		if json.Unmarshal([]byte(text), &want) != nil {
			return
		}
		if got := cutAll([]byte(text)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is cut into %v, encoding/json reads %v", text, got, want)
		}
	})
}
