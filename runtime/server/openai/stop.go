package openai

import "strings"

// StopMatcher finds stop strings in text that arrives in pieces. Text that may
// turn out to be the beginning of a stop string is held back until it is known.
//
// The stop string that is complete first wins, so the outcome does not depend on
// where the pieces were cut: stops "xAy" and "A" in "1xAy" give "1x".
type StopMatcher struct {
	stops   []string
	held    string
	stopped bool
}

// NewStopMatcher matches any of the given non-empty strings.
func NewStopMatcher(stops []string) *StopMatcher { return &StopMatcher{stops: stops} }

// Push takes the next piece and returns the text that is now certain, and whether
// a stop string ended the answer. After that, Push and Flush return nothing.
func (m *StopMatcher) Push(piece string) (text string, stopped bool) {
	if m.stopped {
		return "", true
	}
	all := m.held + piece
	if start, found := firstComplete(all, m.stops); found {
		m.held, m.stopped = "", true
		return all[:start], true
	}
	certain := len(all) - longestBeginning(all, m.stops)
	m.held = all[certain:]
	return all[:certain], false
}

// Flush returns what was held back when the answer ended without a stop string.
func (m *StopMatcher) Flush() string {
	text := m.held
	m.held = ""
	return text
}

// firstComplete is the start of the stop string whose end comes first; the longer one if two end together.
func firstComplete(text string, stops []string) (start int, found bool) {
	end := 0
	for _, stop := range stops {
		at := strings.Index(text, stop)
		if at < 0 {
			continue
		}
		if to := at + len(stop); !found || to < end || to == end && at < start {
			start, end, found = at, to, true
		}
	}
	return start, found
}

// longestBeginning is the length of the longest end of text that begins a stop string.
func longestBeginning(text string, stops []string) int {
	longest := 0
	for _, stop := range stops {
		for n := min(len(stop)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, stop[:n]) {
				longest = n
			}
		}
	}
	return longest
}
