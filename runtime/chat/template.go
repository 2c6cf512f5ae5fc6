package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string
	Content []Part
}

// Part is a piece of a message: Type "text" with its Text, or Type "image".
type Part struct {
	Type string
	Text string
}

// Template renders conversations. It is safe for use by many goroutines.
type Template struct {
	compiled renderer
	texts    []string
	now      func() time.Time
	tokens   map[string]string // bos_token, eos_token, ...
	frame    frame
	parts    bool // takes content as a list of parts; else as one string
}

// renderer is all that is used of the template engine.
type renderer interface {
	RenderValues(data map[string]jinja.Value) (string, error)
}

// RejectedError is what a template says with raise_exception: the messages are not as the model wants them.
type RejectedError struct{ Reason string }

func (e *RejectedError) Error() string {
	return "the model's chat template refuses the messages: " + e.Reason
}

// Load reads the chat template of a model folder and the special tokens that it may write; now is what strftime_now tells.
func Load(dir string, now func() time.Time) (*Template, error) {
	source, path, err := findTemplate(dir)
	if err != nil {
		return nil, err
	}
	tokens, err := specialTokens(dir)
	if err != nil {
		return nil, err
	}
	t, err := compile(source, tokens, now)
	if err == nil {
		err = t.checkWritesText()
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	t.frame, err = readFrame(dir)
	return t, err
}

func compile(source string, tokens map[string]string, now func() time.Time) (*Template, error) {
	rewritten, texts, err := rewrite(source)
	if err != nil {
		return nil, err
	}
	compiled, err := compileRewritten(rewritten)
	if err != nil {
		return nil, fmt.Errorf("compiling chat template: %w", err)
	}
	t := &Template{compiled: compiled, texts: texts, now: now, tokens: tokens}
	t.parts = t.takesParts()
	return t, nil
}

// compileRewritten makes what the engine trips over an error.
func compileRewritten(source string) (_ renderer, err error) {
	defer recovered(&err)
	return jinja.Compile(source)
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the template engine failed: %v", p)
	}
}

const probe = "probe of the content form"

var probeMessages = []Message{{Role: "user", Content: []Part{{Type: "text", Text: probe}}}}

// takesParts tries which form of content the template reads: one that expects a string fails on a list, leaves its
// text out or prints the list itself.
func (t *Template) takesParts() bool {
	t.parts = true
	text, err := t.Render(probeMessages, true)
	return err == nil && strings.Contains(text, probe) && !strings.Contains(text, "'"+probe) && !strings.Contains(text, `"`+probe)
}

// checkWritesText finds the template out, when the model is loaded, that fails or answers the same to every question. One
// that refuses the probe may want other messages.
func (t *Template) checkWritesText() error {
	text, err := t.Render(probeMessages, true)
	var rejected *RejectedError
	if errors.As(err, &rejected) {
		return nil
	}
	if err == nil && !strings.Contains(text, probe) {
		err = errors.New("the chat template leaves out what the user says")
	}
	return err
}

// Options is what a rendering takes beside the messages.
type Options struct {
	AddGenerationPrompt bool            // end where the answer starts
	Tools               json.RawMessage // a list of the tools that the model may call, in the order in which they are written
	Variables           map[string]any  // what some templates read besides, such as Qwen2-VL's add_vision_id
}

// Render writes the conversation as a prompt; with addGenerationPrompt it ends where the answer starts.
func (t *Template) Render(messages []Message, addGenerationPrompt bool) (string, error) {
	return t.RenderWith(messages, Options{AddGenerationPrompt: addGenerationPrompt})
}

// RenderWith writes the conversation as a prompt. A template that takes too many steps or writes too much is an error.
func (t *Template) RenderWith(messages []Message, o Options) (string, error) {
	list := make([]jinja.Value, 0, len(messages))
	for i, m := range messages {
		content, err := t.content(m.Content)
		if err != nil {
			return "", fmt.Errorf("messages[%d]: %w", i, err)
		}
		list = append(list, dict(field{"role", jinja.NewString(m.Role)}, field{"content", content}))
	}
	tools, err := fromJSON(o.Tools)
	if err != nil {
		return "", fmt.Errorf("tools: %w", err)
	}
	data := map[string]jinja.Value{
		"messages":              jinja.NewList(list),
		"add_generation_prompt": jinja.NewBool(o.AddGenerationPrompt),
		"tools":                 tools,
		"documents":             jinja.None(),
		"raise_exception":       jinja.NewCallable("raise_exception", raise),
		"strftime_now":          jinja.NewCallable("strftime_now", clock(t.now)),
		"_tojson":               jinja.NewCallable("tojson", toJSON),
		"_split":                jinja.NewCallable("split", splitText),
	}
	for name, value := range o.Variables {
		data[name] = jinja.FromGoValue(value)
	}
	for name, token := range t.tokens {
		data[name] = jinja.NewString(token)
	}
	for name, function := range (&account{texts: t.texts}).functions() {
		data[name] = jinja.NewCallable(name, function)
	}
	text, err := t.run(data)
	var rejected *RejectedError
	if errors.As(err, &rejected) {
		return "", rejected
	}
	if err != nil {
		return "", fmt.Errorf("rendering chat template: %w", err)
	}
	return t.frame.around(text), nil
}

func (t *Template) run(data map[string]jinja.Value) (_ string, err error) {
	defer recovered(&err)
	return t.compiled.RenderValues(data)
}

func raise(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	reason := "no reason given"
	if len(args) > 0 {
		reason = printed(args[0])
	}
	return jinja.Undefined(), &RejectedError{Reason: reason}
}

func (t *Template) content(parts []Part) (jinja.Value, error) {
	var list []jinja.Value
	var joined strings.Builder
	for i, p := range parts {
		kind := field{"type", jinja.NewString(p.Type)}
		switch {
		case p.Type == "text":
			joined.WriteString(p.Text)
			list = append(list, dict(kind, field{"text", jinja.NewString(p.Text)}))
		case p.Type == "image" && t.parts:
			list = append(list, dict(kind))
		case p.Type == "image":
			return jinja.Undefined(), &RejectedError{Reason: "it takes no pictures"}
		default:
			return jinja.Undefined(), fmt.Errorf("content[%d]: type %q is not supported, expected text or image", i, p.Type)
		}
	}
	if t.parts {
		return jinja.NewList(list), nil
	}
	return jinja.NewString(joined.String()), nil
}

type field struct {
	name  string
	value jinja.Value
}

func dict(fields ...field) jinja.Value {
	d := jinja.NewDict()
	for _, f := range fields {
		d.AsDict().Set(f.name, f.value)
	}
	return d
}
