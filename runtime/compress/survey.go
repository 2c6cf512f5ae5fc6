package compress

// Prompt is where a prompt's visual rows lie, and which text rows may observe them. All rows ascend.
type Prompt struct {
	Rows    int
	Visual  []int32
	Observe []int32
}

// Survey finds the visual rows (those with the picture token, of all pictures) and the candidate rows of the observation
// window: the text after the last visual row, because under the causal mask it has seen all of every picture. Where a
// picture ends the prompt (ours): all text but the first SinkRows rows, which would win every comparison and observe nothing.
// Either way the last MaxObserved of them.
//
//	tokens  <s> V V V where is it   ->  Visual 1 2 3, Observe 4 5 6
func Survey(tokens []int32, picture int32) Prompt {
	p := Prompt{Rows: len(tokens)}
	for row, id := range tokens {
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

// wholeBecause says why nothing can be compressed, or nothing.
func (p Prompt) wholeBecause() string {
	switch {
	case len(p.Visual) == 0:
		return "the prompt has no picture"
	case len(p.Visual) < MinVisual:
		return "the prompt has few visual tokens"
	case len(p.Observe) == 0:
		return "the prompt has no text that can observe the picture"
	}
	return ""
}
