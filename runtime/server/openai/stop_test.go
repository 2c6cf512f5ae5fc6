package openai

import (
	"strings"
	"testing"
)

func TestStopMatcher(t *testing.T) {
	for _, c := range []struct {
		name    string
		stops   []string
		pieces  []string
		want    string // pieces as they come out, joined by |
		stopped bool
	}{
		{"no stops pass everything", nil, []string{"a", "b"}, "a|b|", false},
		{"a stop inside a piece cuts it", []string{"."}, []string{"one. two"}, "one", true},
		{"a stop across a border is held back", []string{"END"}, []string{"x E", "N", "D y"}, "x ||", true},
		{"a false beginning is given out later", []string{"END"}, []string{"x E", "N", "X"}, "x ||ENX|", false},
		{"what is held at the end is flushed", []string{"END"}, []string{"EN"}, "|EN", false},
		{"the beginning may restart inside itself", []string{"aab"}, []string{"a", "a", "a", "b"}, "||a|", true},
		{"the stop that is complete first wins", []string{"xAy", "A"}, []string{"1xAy"}, "1x", true},
		{"of two that end together the longer one wins", []string{"A", "xA"}, []string{"1xA"}, "1", true},
		{"nothing follows a stop", []string{"."}, []string{"a.", "b"}, "a|", true},
		{"a stop may cut a letter's bytes", []string{"é"}, []string{"caf\xc3", "\xa9"}, "caf|", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := NewStopMatcher(c.stops)
			var out []string
			stopped := false
			for _, piece := range c.pieces {
				var text string
				text, stopped = m.Push(piece)
				out = append(out, text)
			}
			if !stopped {
				out = append(out, m.Flush())
			}
			if got := strings.Join(out, "|"); got != c.want || stopped != c.stopped {
				t.Errorf("got %q stopped %v, want %q %v", got, stopped, c.want, c.stopped)
			}
		})
	}
}

// Where the pieces are cut never changes the text.
func FuzzStopMatcher(f *testing.F) {
	f.Add("hello END world", "END", "lo", uint8(2))
	f.Add("aaab", "aab", "b", uint8(1))
	f.Fuzz(func(t *testing.T, text, one, two string, size uint8) {
		if one == "" || two == "" || size == 0 {
			return
		}
		read := func(step int) (string, bool) {
			m := NewStopMatcher([]string{one, two})
			var out strings.Builder
			for rest := text; rest != ""; {
				n := min(step, len(rest))
				piece, stopped := m.Push(rest[:n])
				out.WriteString(piece)
				if stopped {
					return out.String(), true
				}
				rest = rest[n:]
			}
			return out.String() + m.Flush(), false
		}
		whole, wholeStopped := read(max(1, len(text)))
		parts, partsStopped := read(int(size))
		if whole != parts || wholeStopped != partsStopped {
			t.Errorf("at once %q %v, in pieces of %d %q %v", whole, wholeStopped, size, parts, partsStopped)
		}
	})
}
