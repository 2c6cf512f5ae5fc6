package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// goldens is what hack/chatgoldens.py writes.
type goldens struct {
	Templates     map[string]string    `json:"templates"`
	Tokens        map[string]string    `json:"tokens"`
	Conversations map[string][]Message `json:"conversations"`
	Tools         json.RawMessage      `json:"tools"`
	Now           time.Time            `json:"now"`
	Cases         []struct {
		Template, Conversation, Text, Reason string
		Generate, Refused, Tools             bool
		Variables                            map[string]any
	} `json:"cases"`
}

func TestRenderWritesWhatTheReferenceWrites(t *testing.T) {
	b, err := os.ReadFile("testdata/goldens.json")
	if err != nil {
		t.Fatal(err)
	}
	var g goldens
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Cases) < 250 {
		t.Fatalf("only %d cases", len(g.Cases))
	}
	for _, c := range g.Cases {
		template, err := compile(g.Templates[c.Template], g.Tokens, func() time.Time { return g.Now })
		if err != nil {
			t.Fatalf("%s: %v", c.Template, err)
		}
		o := Options{AddGenerationPrompt: c.Generate, Variables: c.Variables}
		if c.Tools {
			o.Tools = g.Tools
		}
		got, err := template.RenderWith(g.Conversations[c.Conversation], o)
		var rejected *RejectedError
		switch {
		case c.Refused && !errors.As(err, &rejected):
			t.Errorf("%s, %s: got %q, %v, want a refusal", c.Template, c.Conversation, got, err)
		case c.Refused && !strings.Contains(err.Error(), c.Reason):
			t.Errorf("%s, %s: the refusal is %q, want %q in it", c.Template, c.Conversation, err, c.Reason)
		case !c.Refused && (err != nil || got != c.Text):
			t.Errorf("%s, %s: %v\n got %q\nwant %q", c.Template, c.Conversation, err, got, c.Text)
		}
	}
}

func TestLoadTakesTheTemplateThatTransformersTakes(t *testing.T) {
	const user = "{{ messages[0].content }}"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a file of its own first": {map[string]string{"chat_template.jinja": "own " + user, "tokenizer_config.json": `{"chat_template":"config"}`}, "own hi"},
		"the processor's next":    {map[string]string{"chat_template.json": `{"chat_template":"processor ` + user + `"}`, "tokenizer_config.json": `{"chat_template":"config"}`}, "processor hi"},
		"the tokenizer's last":    {map[string]string{"tokenizer_config.json": `{"bos_token":{"content":"<s>"},"eos_token":"</s>","chat_template":"{{ bos_token }}` + user + `{{ eos_token }}"}`}, "<s>hi</s>"},
		"the default one of many": {map[string]string{"tokenizer_config.json": `{"chat_template":[{"name":"tools","template":"t"},{"name":"default","template":"d ` + user + `"}]}`}, "d hi"},
	} {
		template, err := Load(folder(t, c.files), time.Now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := template.Render([]Message{{Role: "user", Content: []Part{{Type: "text", Text: "hi"}}}}, false)
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestLoadRefusesAFolderWithoutAUsableTemplate(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no template":                  {nil, "neither chat_template.jinja nor"},
		"no default":                   {map[string]string{"tokenizer_config.json": `{"chat_template":[{"name":"a","template":"t"}]}`}, "none of the 1 templates is called default"},
		"a number":                     {map[string]string{"tokenizer_config.json": `{"chat_template":7}`}, "expected a text or a list"},
		"a broken template":            {map[string]string{"chat_template.jinja": "{% for %}"}, "compiling chat template"},
		"an empty template":            {map[string]string{"chat_template.jinja": ""}, "chat_template.jinja: the chat template leaves out what the user says"},
		"a template of something else": {map[string]string{"chat_template.jinja": "x"}, "leaves out what the user says"},
		"an unknown filter":            {map[string]string{"chat_template.jinja": "{{ messages | nosuchfilter }}"}, "rendering chat template"},
		"a broken config":              {map[string]string{"chat_template.jinja": "x", "tokenizer_config.json": "{"}, "tokenizer_config.json"},
		"a token of numbers":           {map[string]string{"chat_template.jinja": "x", "tokenizer_config.json": `{"bos_token":5}`}, "bos_token"},
	} {
		if _, err := Load(folder(t, c.files), time.Now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestATemplateThatRefusesTheProbeLoads(t *testing.T) {
	template, err := Load(folder(t, map[string]string{"chat_template.jinja": "{% if messages[0].role != 'system' %}{{ raise_exception('system first') }}{% endif %}{{ messages }}"}), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var rejected *RejectedError
	if _, err := template.Render([]Message{{Role: "user"}}, false); !errors.As(err, &rejected) {
		t.Errorf("got %v", err)
	}
}

func TestRenderNamesAPartThatItDoesNotKnow(t *testing.T) {
	template, err := compile("{{ messages }}", nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = template.Render([]Message{{Role: "user", Content: []Part{{Type: "video"}}}}, false)
	if err == nil || !strings.Contains(err.Error(), `messages[0]: content[0]: type "video" is not supported`) {
		t.Errorf("got %v", err)
	}
}

func TestAFailingTemplateIsNotTheMessagesFault(t *testing.T) {
	template, err := compile("{{ messages | nosuchfilter }}", nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = template.Render([]Message{{Role: "user"}}, false)
	var rejected *RejectedError
	if err == nil || errors.As(err, &rejected) || !strings.Contains(err.Error(), "rendering chat template") {
		t.Errorf("got %v", err)
	}
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
