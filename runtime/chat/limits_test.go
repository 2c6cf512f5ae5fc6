package chat

import (
	"strings"
	"testing"
	"time"
)

func TestATemplateThatTakesTooMuchEndsWithTheLimit(t *testing.T) {
	for source, want := range map[string]string{
		"{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}":                         "more than the limit of 1048576 steps",
		"{% for i in range(2000000000000) %}{% endfor %}":                                                          "more than the limit of 1048576 steps",
		"{% set ns = namespace(s='0123456789') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}": "a variable holds more than the limit of 16777216 bytes",
		"{% set l = [1] %}{% for i in range(60) %}{{ l.append(l) }}{% endfor %}{{ l }}":                            "writes more than the limit of 16777216 bytes",
		"{% for i in range(400000) %}" + strings.Repeat("words ", 10) + "{% endfor %}":                             "writes more than the limit of 16777216 bytes",
		"{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}":                                                   "macros call each other deeper than the limit of 200",
		"{{ 'x' * -1 }}":           "the template engine failed",
		"{{ strftime_now('%Q') }}": "%Q is not supported",
	} {
		template, err := compile(source, nil, time.Now)
		if err == nil {
			_, err = template.Render(probeMessages, false)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", source[:min(80, len(source))], err, want)
		}
	}
}

func TestATemplateThatIsTooLargeOrDeepIsRefused(t *testing.T) {
	for want, source := range map[string]string{
		"more than the limit of 1048576":                   strings.Repeat("x", maxTemplateBytes+1),
		"brackets are nested deeper than the limit of 200": "{{ " + strings.Repeat("(", 100_000) + " }}",
		"blocks are nested deeper than the limit of 200":   strings.Repeat("{% if true %}", 1000),
		"has no \"}}\"": "{{ 'a",
		"has no endraw": "{% raw %}",
	} {
		if _, err := compile(source, nil, time.Now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// FuzzTemplate looks for a template or message that the renderer does not survive. Expressions that make one large value
// by themselves, with powers, products or filters, are left out: their result is measured only once it is there.
func FuzzTemplate(f *testing.F) {
	for _, source := range []string{
		"{% for m in messages %}{{ m.role }}: {% for c in m.content %}{{ c.text }}{% endfor %}{% endfor %}",
		"{%- macro f(a, b='x') -%} {{ a ~ b }} {%- endmacro %}{{ f('y') }}{# c #}{% raw %}{{ }}{% endraw %}",
		"{% set ns = namespace(a=1) %}{% if tools %}{{ tools | tojson(indent=2) }}{% endif %}{{ ns.a }}{% set x %}b{% endset %}{{ x }}",
		"{{ messages[0].content[::-1] }}{{ raise_exception('no') }}{{ 'a\\'}}' }}",
	} {
		f.Add(source, "hello 中 {{ x }}", `[{"a":1.5,"b":[null,true,"c"]}]`)
	}
	f.Fuzz(func(t *testing.T, source, words, tools string) {
		if strings.ContainsAny(source, "*") || strings.Contains(source, "indent") || strings.Contains(source, "replace") || strings.Contains(source, "join") || strings.Contains(source, "batch") {
			return
		}
		template, err := compile(source, map[string]string{"bos_token": "<s>"}, time.Now)
		if err != nil {
			return
		}
		text, err := template.RenderWith([]Message{{Role: "user", Content: []Part{{Type: "text", Text: words}}}},
			Options{AddGenerationPrompt: true, Tools: []byte(tools)})
		if err == nil && len(text) > maxPromptBytes {
			t.Errorf("%d bytes", len(text))
		}
	})
}
