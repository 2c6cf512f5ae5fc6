package scene

import (
	_ "embed"
	"encoding/json"
	"sync"
)

//go:embed words.json
var wordsFile []byte

// lexicon is what the training says and draws with; hack/tinymodel/phrases.py is its source.
type lexicon struct {
	Colours []struct {
		Name string `json:"name"`
		RGB  rgb    `json:"rgb"`
	} `json:"colours"`
	Sides []struct {
		Name      string   `json:"name"`
		Step      Cell     `json:"step"`
		Relations []string `json:"relations"`
	} `json:"sides"`
	Ordinals     []string            `json:"ordinals"`
	Prefixes     []string            `json:"prefixes"`
	Suffixes     []string            `json:"suffixes"`
	WhichPicture []string            `json:"which_picture"`
	Questions    map[string][]string `json:"questions"`
	Layouts      []layout            `json:"layouts"`
	Papers       []rgb               `json:"papers"`
	Tasks        map[string]int      `json:"tasks"` // how often the training asks each
}

// words reads the embedded file once; a broken one is a fault of the build, and every test would show it.
var words = sync.OnceValue(func() *lexicon {
	l := &lexicon{}
	if err := json.Unmarshal(wordsFile, l); err != nil {
		panic("reading words.json: " + err.Error())
	}
	return l
})
