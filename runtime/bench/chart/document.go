package chart

import (
	"bytes"
	"fmt"

	"aircache.dev/aircache/runtime/bench"
)

// Named is a report and the name of its file, without the ending.
type Named struct {
	Name   string
	Report *bench.Report
}

// The lines of a document between which the figures stand.
var (
	begin = []byte("<!-- figures: written by aircache bench plot -->\n")
	end   = []byte("<!-- end of figures -->\n")
)

// Document puts the reports' tables and pictures between the two lines of a document. Pictures lie in a folder beside it.
func Document(text []byte, folder string, reports []Named) ([]byte, []Picture, error) {
	from, to := bytes.Index(text, begin), bytes.Index(text, end)
	if from < 0 || to < from {
		return nil, nil, fmt.Errorf("writing figures: the document needs the lines %q and %q", bytes.TrimSpace(begin), bytes.TrimSpace(end))
	}
	var b bytes.Buffer
	b.Write(text[:from+len(begin)])
	b.WriteByte('\n')
	var all []Picture
	for _, r := range reports {
		pictures, err := Steps(r.Report, r.Name)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, pictures...)
		b.Write(Markdown(r.Report))
		for _, p := range pictures {
			if bytes.HasSuffix([]byte(p.Name), []byte(".png")) {
				fmt.Fprintf(&b, "![ms a step over the sequences in it](%s/%s)\n\n", folder, p.Name)
			}
		}
	}
	b.Write(text[to:])
	return b.Bytes(), all, nil
}
