package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ardanlabs/jinja"
)

// fromJSON keeps the order of objects' fields, which templates write out as they come. Nothing is none.
func fromJSON(text json.RawMessage) (jinja.Value, error) {
	if len(text) == 0 {
		return jinja.None(), nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := nextValue(d, 0)
	if err != nil {
		return v, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, errors.New("expected one JSON value")
	}
	return v, nil
}

func nextValue(d *json.Decoder, depth int) (jinja.Value, error) {
	if depth > maxNesting {
		return jinja.None(), fmt.Errorf("nested deeper than the limit of %d", maxNesting)
	}
	token, err := d.Token()
	if err != nil {
		return jinja.None(), err
	}
	switch t := token.(type) {
	case json.Delim:
		v := jinja.NewList(nil)
		if t == '{' {
			v = jinja.NewDict()
		}
		for d.More() {
			var key string
			if t == '{' {
				name, err := d.Token()
				if err != nil {
					return v, err
				}
				key, _ = name.(string)
			}
			item, err := nextValue(d, depth+1)
			if err != nil {
				return v, err
			}
			if t == '{' {
				v.AsDict().Set(key, item)
			} else {
				v.AsList().Append(item)
			}
		}
		_, err := d.Token()
		return v, err
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return jinja.NewInt(n), nil
		}
		f, err := t.Float64()
		return jinja.NewFloat(f), err
	default:
		return jinja.FromGoValue(t), nil
	}
}
