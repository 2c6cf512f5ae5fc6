package chat

import (
	"fmt"
	"regexp"
	"strings"
)

// The template engine reads rewritten templates: texts and expressions go through functions of ours, so that they print
// as Python prints them and are counted against the limits, and white space around tags is cut here by Jinja's rules.
const maxTemplateBytes, maxNesting = 1 << 20, 200

// segment is a piece of a template: plain text (no kind), or what stands inside of {{ }}, {% %} or {# #}.
type segment struct {
	kind                string
	body                string
	cut, keep, cutAfter bool // {%- and {%+ in front, -%} behind
	keepAfter           bool // +%}
}

var endRaw = regexp.MustCompile(`\{%[-+]?\s*endraw\s*[-+]?%\}`)

func split(source string) ([]segment, error) {
	var list []segment
	text := func(s string) { list = append(list, segment{body: s}) }
	for {
		start := nextTag(source)
		text(source[:start])
		if start == len(source) {
			return list, nil
		}
		kind := source[start : start+2]
		end, err := tagEnd(source, start, kind)
		if err != nil {
			return nil, err
		}
		s := segment{kind: kind, body: source[start+2 : end-2]}
		s.cut, s.keep = strings.HasPrefix(s.body, "-"), strings.HasPrefix(s.body, "+")
		if s.cut || s.keep {
			s.body = s.body[1:]
		}
		s.cutAfter, s.keepAfter = strings.HasSuffix(s.body, "-"), strings.HasSuffix(s.body, "+")
		if s.cutAfter || s.keepAfter {
			s.body = s.body[:len(s.body)-1]
		}
		source = source[end:]
		list = append(list, s)
		if kind == "{%" && strings.TrimSpace(s.body) == "raw" {
			at := endRaw.FindStringIndex(source)
			if at == nil {
				return nil, fmt.Errorf("compiling chat template: {%% raw %%} has no endraw")
			}
			text(source[:at[0]])
			tag := source[at[0]:at[1]]
			list = append(list, segment{kind: kind, body: " endraw ", cut: tag[2] == '-', keep: tag[2] == '+', cutAfter: tag[len(tag)-3] == '-'})
			source = source[at[1]:]
		}
	}
}

func nextTag(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && (s[i+1] == '{' || s[i+1] == '%' || s[i+1] == '#') {
			return i
		}
	}
	return len(s)
}

// tagEnd is the place behind the tag's closing bracket; those in strings and of dictionaries do not count.
func tagEnd(s string, start int, kind string) (int, error) {
	closing := map[string]string{"{{": "}}", "{%": "%}", "{#": "#}"}[kind]
	var quote byte
	depth := 0
	for i := start + 2; i+1 < len(s); i++ {
		c := s[i]
		switch {
		case kind == "{#":
			if s[i:i+2] == closing {
				return i + 2, nil
			}
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case depth <= 0 && s[i:i+2] == closing:
			return i + 2, nil
		case c == '"' || c == '\'':
			quote = c
		case strings.IndexByte("([{", c) >= 0:
			if depth++; depth > maxNesting {
				return 0, fmt.Errorf("compiling chat template: brackets are nested deeper than the limit of %d", maxNesting)
			}
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
	}
	line := 1 + strings.Count(s[:start], "\n")
	return 0, fmt.Errorf("compiling chat template: %q in line %d of the rest has no %q", kind, line, closing)
}

const spaces = " \t\n\r\v\f"

// trimText cuts white space as Jinja does with trim_blocks and lstrip_blocks, which is how transformers sets it up: a
// block's or comment's indentation and one line end behind it go, and all of it next to a minus.
func trimText(list []segment) {
	for i := range list {
		if list[i].kind != "" {
			continue
		}
		s := &list[i].body
		lineStart := i == 0
		if i > 0 {
			before := list[i-1]
			lineStart = false
			switch {
			case before.cutAfter:
				*s = strings.TrimLeft(*s, spaces)
			case before.kind != "{{" && !before.keepAfter && strings.HasPrefix(*s, "\n"):
				*s, lineStart = (*s)[1:], true
			}
		}
		if i+1 == len(list) {
			continue
		}
		after := list[i+1]
		switch {
		case after.cut:
			*s = strings.TrimRight(*s, spaces)
		case after.kind != "{{" && !after.keep:
			cut := strings.TrimRight(*s, " \t\v\f\r")
			if strings.HasSuffix(cut, "\n") || cut == "" && lineStart {
				*s = cut
			}
		}
	}
	// Jinja drops one line end at the end of a template.
	if last := &list[len(list)-1]; last.kind == "" {
		last.body = strings.TrimSuffix(last.body, "\n")
	}
}

var (
	// the engine's split takes no count
	splitOf = regexp.MustCompile(`\.split\(`)
	tojson  = regexp.MustCompile(`\|\s*tojson\b`)
	setTo   = regexp.MustCompile(`^\s*set\s+[\w.]+\s*=[^=]`)
)

// rewrite gives the template that the engine runs, and the texts that its _say writes by their number.
func rewrite(source string) (string, []string, error) {
	if len(source) > maxTemplateBytes {
		return "", nil, fmt.Errorf("compiling chat template: it has %d bytes, more than the limit of %d", len(source), maxTemplateBytes)
	}
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	list, err := split(source)
	if err != nil {
		return "", nil, err
	}
	trimText(list)
	var b strings.Builder
	var texts []string
	depth := 0
	for i, s := range list {
		body := outsideStrings(s.body, func(code string) string {
			return splitOf.ReplaceAllString(tojson.ReplaceAllString(code, "| _tojson"), " | _split(")
		})
		word, _, _ := strings.Cut(strings.TrimSpace(body), " ")
		switch {
		case s.kind == "{#" || s.kind == "" && s.body == "" || word == "raw" && s.kind == "{%" || word == "endraw" && s.kind == "{%":
		case s.kind == "":
			fmt.Fprintf(&b, "{{ _say(%d) }}", len(texts))
			texts = append(texts, s.body)
		case s.kind == "{{":
			fmt.Fprintf(&b, "{{ _print((%s)) }}", strings.TrimSpace(body))
		case setTo.MatchString(body):
			at := strings.Index(body, "=") + 1
			fmt.Fprintf(&b, "{%%%s _keep((%s)) %%}", body[:at], strings.TrimSpace(body[at:]))
		default:
			if word == "endmacro" || word == "endcall" {
				b.WriteString("{{ _leave() }}")
			}
			before, within := "", ""
			if word == "for" {
				before, within = freshInLoop(list, i)
			}
			fmt.Fprintf(&b, "%s{%% %s %%}", before, strings.TrimSpace(body))
			switch word {
			case "for":
				b.WriteString("{{ _step() }}" + within)
			case "macro", "call":
				b.WriteString("{{ _enter() }}")
			}
			depth += nesting(word)
			if depth > maxNesting {
				return "", nil, fmt.Errorf("compiling chat template: blocks are nested deeper than the limit of %d", maxNesting)
			}
		}
	}
	return b.String(), texts, nil
}

func nesting(word string) int {
	switch word {
	case "if", "for", "macro", "call", "filter", "generation":
		return 1
	case "endif", "endfor", "endmacro", "endcall", "endfilter", "endgeneration":
		return -1
	}
	return 0
}

// outsideStrings applies change to what stands between string literals.
func outsideStrings(s string, change func(string) string) string {
	var b strings.Builder
	from := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '"' && s[i] != '\'' {
			continue
		}
		b.WriteString(change(s[from:i]))
		end := i + 1
		for end < len(s) && s[end] != s[i] {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(s))
		b.WriteString(s[i:end])
		i, from = end-1, end
	}
	b.WriteString(change(s[from:]))
	return b.String()
}
