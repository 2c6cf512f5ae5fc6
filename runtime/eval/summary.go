package eval

// Report is what a run measured.
type Report struct {
	Settings Settings  `json:"settings"`
	Samples  int       `json:"samples"` // finished, of all tasks
	Rows     []Summary `json:"rows"`
	Pairs    []Pair    `json:"pairs"`
}

// AllTasks is the name of the row that pools every task.
const AllTasks = "all"

// Summary is one policy at one retention on one task.
type Summary struct {
	Task           string  `json:"task"`
	Policy         string  `json:"policy"`
	Permille       int     `json:"permille"`
	Samples        int     `json:"samples"`
	Score          Mean    `json:"score"`            // exact answers, or the source's own metric
	Tokens         *Mean   `json:"tokens,omitempty"` // right tokens; samples are counted for the interval, since tokens of one answer err together
	PrefillSeconds float64 `json:"prefill_seconds"`  // the next ones are plain means
	KVBytesFull    int64   `json:"kv_bytes_full"`
	Measures
}

// Summarise puts the samples into rows: task by task and then all of them, each by policy and retention as in the settings.
func Summarise(s Settings, records []Record) Report {
	report := Report{Settings: s, Samples: len(records), Pairs: s.pairs(records)}
	columns := s.grid(nil)
	tasks := s.Tasks
	if len(tasks) > 1 {
		tasks = append(append([]string{}, tasks...), AllTasks)
	}
	for _, task := range tasks {
		for _, c := range columns {
			if row := summarise(task, c, records); row.Samples > 0 {
				report.Rows = append(report.Rows, row)
			}
		}
	}
	return report
}

func summarise(task string, c Setting, records []Record) Summary {
	row := Summary{Task: task, Policy: c.Name, Permille: c.Permille}
	var score, tokens float64
	counted := 0
	for _, r := range records {
		if task != AllTasks && r.Task != task {
			continue
		}
		for _, t := range r.Answers {
			if t.Policy != c.Name || t.Permille != c.Permille {
				continue
			}
			row.Samples++
			row.PrefillSeconds += r.PrefillSeconds
			row.KVBytesFull += r.KVBytesFull
			row.Measures.add(t.Measures)
			score += t.Score
			if t.Tokens != nil {
				counted++
				tokens += *t.Tokens
			}
		}
	}
	row.Score = Wilson(score, row.Samples)
	if counted > 0 {
		mean := Wilson(tokens, counted)
		row.Tokens = &mean
	}
	if n := row.Samples; n > 0 {
		row.PrefillSeconds /= float64(n)
		row.KVBytesFull /= int64(n)
		row.Measures.divide(n)
	}
	return row
}

func (m *Measures) add(o Measures) {
	m.Recall += o.Recall
	m.Agreement += o.Agreement
	m.KL += o.KL
	m.KVBytes += o.KVBytes
	m.PeakBytes += o.PeakBytes
	m.CompressSeconds += o.CompressSeconds
}

func (m *Measures) divide(n int) {
	m.Recall /= float64(n)
	m.Agreement /= float64(n)
	m.KL /= float64(n)
	m.KVBytes /= int64(n)
	m.PeakBytes /= int64(n)
	m.CompressSeconds /= float64(n)
}
