package chat

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ardanlabs/jinja"
)

// printed is what Python's str makes of a value.
func printed(v jinja.Value) string {
	if v.IsUndefined() {
		return ""
	}
	if v.IsString() {
		return v.AsString()
	}
	return literal(v)
}

// literal is what Python's repr makes of a value.
func literal(v jinja.Value) string {
	switch {
	case v.IsString():
		return quoted(v.AsString())
	case v.IsFloat():
		return float(v.AsFloat())
	case v.IsList():
		items := make([]string, 0, v.AsList().Len())
		for _, item := range v.AsList().Items {
			items = append(items, literal(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case v.IsDict():
		var items []string
		for _, key := range v.AsDict().Keys {
			items = append(items, quoted(key)+": "+literal(v.AsDict().Data[key]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	default:
		return v.String()
	}
}

func quoted(s string) string {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}

// float writes the shortest digits that give the number back, and an exponent where Python does.
func float(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) || math.IsInf(f, 0) || math.IsNaN(f) {
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'e', -1, 64), "+"))
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// splitText is Python's str.split.
func splitText(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	if len(args) == 0 || !args[0].IsString() {
		return jinja.Undefined(), fmt.Errorf("split: expected a text")
	}
	var parts []string
	switch {
	case len(args) == 1 || args[1].IsNone():
		parts = strings.Fields(args[0].AsString())
	case !args[1].IsString() || args[1].AsString() == "":
		return jinja.Undefined(), fmt.Errorf("split: expected a text to split at")
	case len(args) > 2 && args[2].IsInt() && args[2].AsInt() >= 0:
		parts = strings.SplitN(args[0].AsString(), args[1].AsString(), int(args[2].AsInt())+1)
	default:
		parts = strings.Split(args[0].AsString(), args[1].AsString())
	}
	list := jinja.NewList(nil)
	for _, part := range parts {
		list.AsList().Append(jinja.NewString(part))
	}
	return list, nil
}

// jsonWriter writes as Python's json.dumps with ensure_ascii off, which is what transformers makes of tojson.
type jsonWriter struct {
	strings.Builder
	item, key string // separators
	indent    *string
	sorted    bool
}

func toJSON(args []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	if len(args) == 0 {
		return jinja.Undefined(), fmt.Errorf("tojson: expected a value")
	}
	w := jsonWriter{item: ", ", key: ": ", sorted: named["sort_keys"].IsTruthy()}
	indent := named["indent"]
	if len(args) > 2 {
		indent = args[2]
	}
	switch {
	case indent.IsInt() && indent.AsInt() > 32:
		return jinja.Undefined(), fmt.Errorf("tojson: indent is %d, more than the limit of 32", indent.AsInt())
	case indent.IsInt():
		by := strings.Repeat(" ", int(max(0, indent.AsInt())))
		w.indent, w.item = &by, ","
	case indent.IsString():
		by := indent.AsString()
		w.indent, w.item = &by, ","
	}
	if s := named["separators"]; s.IsList() && s.AsList().Len() == 2 {
		w.item, w.key = printed(s.AsList().Get(0)), printed(s.AsList().Get(1))
	}
	if err := w.write(args[0], 1); err != nil {
		return jinja.Undefined(), err
	}
	return jinja.NewString(w.String()), nil
}

func (w *jsonWriter) write(v jinja.Value, depth int) error {
	switch {
	case depth > maxNesting:
		return fmt.Errorf("tojson: values are nested deeper than the limit of %d", maxNesting)
	case w.Len() > maxPromptBytes:
		return fmt.Errorf("tojson: %w", errTooMuchText)
	case v.IsNone():
		w.WriteString("null")
	case v.IsBool():
		w.WriteString(strconv.FormatBool(v.AsBool()))
	case v.IsInt():
		w.WriteString(strconv.FormatInt(v.AsInt(), 10))
	case v.IsFloat():
		w.WriteString(float(v.AsFloat()))
	case v.IsString():
		w.text(v.AsString())
	case v.IsList():
		return w.group("[", "]", v.AsList().Len(), depth, func(i int) error { return w.write(v.AsList().Get(i), depth+1) })
	case v.IsDict():
		d := v.AsDict()
		keys := d.Keys
		if w.sorted {
			keys = slices.Sorted(slices.Values(keys))
		}
		return w.group("{", "}", len(keys), depth, func(i int) error {
			w.text(keys[i])
			w.WriteString(w.key)
			return w.write(d.Data[keys[i]], depth+1)
		})
	default:
		return fmt.Errorf("tojson: %s cannot be written as JSON", v)
	}
	return nil
}

func (w *jsonWriter) group(start, end string, n, depth int, write func(int) error) error {
	w.WriteString(start)
	for i := range n {
		if i > 0 {
			w.WriteString(w.item)
		}
		w.line(depth)
		if err := write(i); err != nil {
			return err
		}
	}
	if n > 0 {
		w.line(depth - 1)
	}
	w.WriteString(end)
	return nil
}

func (w *jsonWriter) line(depth int) {
	if w.indent != nil {
		w.WriteString("\n" + strings.Repeat(*w.indent, depth))
	}
}

func (w *jsonWriter) text(s string) {
	w.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.WriteString(`\` + string(r))
		case r < ' ':
			b, _ := json.Marshal(string(r)) // a control character always has one
			w.WriteString(strings.Trim(string(b), `"`))
		default:
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
}
