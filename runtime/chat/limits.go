package chat

import (
	"errors"
	"fmt"

	"github.com/ardanlabs/jinja"
)

// What one rendering may take. Published templates stay far below: a step is a turn of a loop or a call of a macro.
const (
	maxPromptBytes = 16 << 20
	maxSteps       = 1 << 20
	maxCalls       = 200 // of macros, one inside the other
)

var errTooMuchText = fmt.Errorf("the template writes more than the limit of %d bytes, or lists deeper than %d", maxPromptBytes, maxNesting)

// account counts what a rendering has taken.
type account struct {
	texts                []string
	bytes, steps, inside int
	measured             int // values looked at to learn their size; 16 are a step
}

func (a *account) functions() map[string]func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
	return map[string]func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error){
		"_say": func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
			return a.write(a.texts[args[0].AsInt()])
		},
		"_print": func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
			if len(args) != 1 {
				return jinja.Undefined(), errors.New("expected one value between {{ and }}")
			}
			if a.size(args[0], maxPromptBytes, maxNesting) < 0 {
				return jinja.Undefined(), errTooMuchText
			}
			written, err := a.write(printed(args[0]))
			return written, errors.Join(err, a.step())
		},
		"_keep": func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
			if len(args) != 1 {
				return jinja.Undefined(), errors.New("set: expected one value")
			}
			if a.size(args[0], maxPromptBytes, maxNesting) < 0 {
				return jinja.Undefined(), fmt.Errorf("set: a variable holds more than the limit of %d bytes, or lists deeper than %d", maxPromptBytes, maxNesting)
			}
			return args[0], a.step()
		},
		"_step": func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) { return jinja.NewString(""), a.step() },
		"_enter": func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
			if a.inside++; a.inside > maxCalls {
				return jinja.Undefined(), fmt.Errorf("macros call each other deeper than the limit of %d", maxCalls)
			}
			return jinja.NewString(""), a.step()
		},
		"_leave": func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
			a.inside--
			return jinja.NewString(""), nil
		},
		"range": a.numbers,
	}
}

func (a *account) step() error {
	if a.steps++; a.steps+a.measured/16 > maxSteps {
		return fmt.Errorf("the template takes more than the limit of %d steps", maxSteps)
	}
	return nil
}

func (a *account) write(s string) (jinja.Value, error) {
	if a.bytes += len(s); a.bytes > maxPromptBytes {
		return jinja.Undefined(), errTooMuchText
	}
	return jinja.NewString(s), nil
}

// size is what is left of room once the value has taken its bytes; less than nothing when it is larger, or nested deeper
// than depth, as one is that holds itself.
func (a *account) size(v jinja.Value, room, depth int) int {
	room--
	a.measured++
	switch {
	case room < 0:
	case depth == 0:
		return -1
	case v.IsString():
		room -= len(v.AsString())
	case v.IsList():
		for _, item := range v.AsList().Items {
			if room = a.size(item, room, depth-1); room < 0 {
				break
			}
		}
	case v.IsDict():
		for _, key := range v.AsDict().Keys {
			if room = a.size(v.AsDict().Data[key], room-len(key), depth-1); room < 0 {
				break
			}
		}
	}
	return room
}

// numbers is range, with its length counted before it is made.
func (a *account) numbers(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	for _, arg := range args {
		if !arg.IsInt() {
			return jinja.Undefined(), fmt.Errorf("range: expected whole numbers, got %s", arg)
		}
	}
	start, stop, step := int64(0), int64(0), int64(1)
	switch len(args) {
	case 1:
		stop = args[0].AsInt()
	case 2:
		start, stop = args[0].AsInt(), args[1].AsInt()
	case 3:
		start, stop, step = args[0].AsInt(), args[1].AsInt(), args[2].AsInt()
	default:
		return jinja.Undefined(), fmt.Errorf("range: expected 1 to 3 numbers, got %d", len(args))
	}
	if step == 0 {
		return jinja.Undefined(), errors.New("range: the step is 0")
	}
	var list []jinja.Value
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if err := a.step(); err != nil {
			return jinja.Undefined(), err
		}
		list = append(list, jinja.NewInt(i))
	}
	return jinja.NewList(list), nil
}
