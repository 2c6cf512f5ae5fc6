package hub

import (
	"fmt"
	"strings"
)

// file is one file of a model as its source tells of it.
type file struct {
	name   string
	size   int64
	digest digest
	etag   string // of a store's object, to notice when it is replaced meanwhile
	key    string // of a store's object
}

// listing is what a source holds at a moment.
type listing struct {
	revision string
	files    []file
	layers   bool // the files are layers of an image, which hold the model's files
}

const (
	maxNameBytes = 255     // what a file system takes
	maxFiles     = 100_000 // more is no model
)

// checkName refuses names that could lead out of the folder they are written to, or that a file system would take for
// something else. Names come from a server.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the source lists a file without a name")
	case strings.HasPrefix(name, "/"), strings.Contains(name, `\`), strings.ContainsFunc(name, isControl), hasDots(name),
		strings.Contains(name, "//"), strings.HasSuffix(name, "/"):
		return fmt.Errorf("the source lists the file %q: such a name could leave the model's folder, nothing was fetched", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if len(part) > maxNameBytes {
			return fmt.Errorf("the source lists a file whose name has %d bytes (%q...), the limit is %d", len(part), part[:32], maxNameBytes)
		}
	}
	return nil
}

// check holds a whole listing against what can be trusted.
func (l listing) check() error {
	if len(l.files) > maxFiles {
		return fmt.Errorf("the source lists %d files, the limit is %d", len(l.files), maxFiles)
	}
	seen := map[string]bool{}
	for _, f := range l.files {
		if err := checkName(f.name); err != nil {
			return err
		}
		if seen[f.name] {
			return fmt.Errorf("the source lists %q twice", f.name)
		}
		if seen[f.name] = true; f.size < 0 {
			return fmt.Errorf("the source lists %q with %d bytes", f.name, f.size)
		}
	}
	return nil
}

// find gives the listed file of a name.
func (l listing) find(name string) (file, bool) {
	for _, f := range l.files {
		if f.name == name {
			return f, true
		}
	}
	return file{}, false
}
