package hub

import (
	"fmt"
	"slices"
	"strings"

	"aircache.dev/aircache/runtime/weights"
)

// small are the files beside the weights that the runtime reads, or that tell a person what they have.
var small = []string{
	"config.json", "generation_config.json",
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
	"preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json",
	"chat_template.jinja", "chat_template.json",
	weights.IndexFile,
}

// needed are those without which nothing can be served.
var needed = []string{"config.json", "tokenizer.json"}

// smallFiles are the listed files that are fetched first: they say which weights are wanted.
func (l listing) smallFiles() ([]file, error) {
	for _, name := range needed {
		if _, found := l.find(name); !found {
			return nil, fmt.Errorf("%s is not there: %s", name, l.holds())
		}
	}
	_, single := l.find(weights.SingleFile)
	_, index := l.find(weights.IndexFile)
	if !single && !index {
		return nil, fmt.Errorf("neither %s nor %s is there, and no other format of weights is read: %s", weights.SingleFile, weights.IndexFile, l.holds())
	}
	var files []file
	for _, f := range l.files {
		if slices.Contains(small, f.name) {
			if f.size > maxSmallBytes {
				return nil, fmt.Errorf("%s has %d bytes, the limit is %d", f.name, f.size, maxSmallBytes)
			}
			files = append(files, f)
		}
	}
	return files, nil
}

const maxSmallBytes = 256 << 20

// weightFiles are those that the fetched index names, else the one file of all weights.
func (l listing) weightFiles(dir string) ([]file, error) {
	names, err := weights.Files(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, name := range names {
		f, found := l.find(name)
		if !found {
			return nil, fmt.Errorf("%s names %s, which is not there", weights.IndexFile, name)
		}
		files = append(files, f)
	}
	return files, nil
}

// holds names some of what is there instead.
func (l listing) holds() string {
	var names []string
	for _, f := range l.files {
		names = append(names, f.name)
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return "it holds no files"
	case len(names) > 8:
		return fmt.Sprintf("it holds %s and %d more files", strings.Join(names[:8], ", "), len(names)-8)
	}
	return "it holds " + strings.Join(names, ", ")
}
