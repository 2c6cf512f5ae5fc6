package compress

import "fmt"

// Prompt is where a prompt's visual rows lie, and which text rows may observe them. All rows ascend.
type Prompt struct {
	Rows        int
	Visual      []int32
	Padding     []int32 // of Visual: rows that show no part of a picture
	Observe     []int32
	Fingerprint uint64 // of the tokens
}

// Survey finds the visual rows (those with the picture token, of all pictures) and the candidate rows of the observation
// window: the text after the last visual row, because under the causal mask it has seen all of every picture. Where a
// picture ends the prompt (ours): all text but the first SinkRows rows, which would win every comparison and observe nothing.
// Either way the last MaxObserved of them.
//
//	tokens  <s> V V V where is it   ->  Visual 1 2 3, Observe 4 5 6
func Survey(tokens []int32, picture int32) Prompt {
	p := Prompt{Rows: len(tokens), Fingerprint: 14695981039346656037} // FNV-1a
	for row, id := range tokens {
		p.Fingerprint = (p.Fingerprint ^ uint64(uint32(id))) * 1099511628211
		if id == picture {
			p.Visual = append(p.Visual, int32(row))
		}
	}
	if len(p.Visual) == 0 {
		return p
	}
	first := int(p.Visual[len(p.Visual)-1]) + 1
	if first == len(tokens) {
		first = SinkRows
	}
	for row := first; row < len(tokens); row++ {
		if tokens[row] != picture {
			p.Observe = append(p.Observe, int32(row))
		}
	}
	if extra := len(p.Observe) - MaxObserved; extra > 0 {
		p.Observe = p.Observe[extra:]
	}
	return p
}

// All is every row.
func (p Prompt) All() []int32 {
	rows := make([]int32, p.Rows)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

// Kept is the rows that a layer keeps: all text, and the visual rows with the given indices. Both inputs and the result ascend.
func (p Prompt) Kept(visual []int32) []int32 {
	rows := make([]int32, 0, p.Rows-len(p.Visual)+len(visual))
	nextVisual, nextKept := 0, 0
	for row := int32(0); int(row) < p.Rows; row++ {
		if nextVisual == len(p.Visual) || row != p.Visual[nextVisual] {
			rows = append(rows, row)
			continue
		}
		if nextKept < len(visual) && int(visual[nextKept]) == nextVisual {
			rows = append(rows, row)
			nextKept++
		}
		nextVisual++
	}
	return rows
}

// visualOf picks the visual rows' values out of those of all rows.
func (p Prompt) visualOf(values []float32) ([]float32, error) {
	if len(values) != p.Rows {
		return nil, fmt.Errorf("scoring visual rows: got %d scores for %d rows", len(values), p.Rows)
	}
	scores := make([]float32, len(p.Visual))
	for v, row := range p.Visual {
		scores[v] = values[row]
	}
	return scores, nil
}

// tooSmall says why nothing can be gained, or nothing.
func (p Prompt) tooSmall() string {
	switch {
	case len(p.Visual) == 0:
		return "the prompt has no picture"
	case len(p.Visual) < MinVisual:
		return "the prompt has few visual tokens"
	}
	return ""
}

// unobserved says besides that nobody can tell which visual rows matter.
func (p Prompt) unobserved() string {
	if why := p.tooSmall(); why != "" || len(p.Observe) > 0 {
		return why
	}
	return "the prompt has no text that can observe the picture"
}

// after is the candidates that stand behind the picture and see it, or why there is no use in them.
func (p Prompt) after() (rows []int32, whole string) {
	if why := p.unobserved(); why != "" {
		return nil, why
	}
	if p.Observe[0] < p.Visual[len(p.Visual)-1] {
		return nil, "the prompt has no text after the picture"
	}
	return p.Observe, ""
}
