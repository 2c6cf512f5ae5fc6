package chat

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	setName    = regexp.MustCompile(`^\s*set\s+(\w+)\s*(=[^=]|$|\|)`)
	loopTarget = regexp.MustCompile(`^\s*for\s+(.*?)\s+in\b`)
)

// freshInLoop gives what makes the variables that a loop's body sets new in each turn, as Jinja has it; the engine would
// keep them from the turn before. The first result goes before the loop, the second to the start of its body.
func freshInLoop(list []segment, loop int) (before, within string) {
	target := loopTarget.FindStringSubmatch(list[loop].body)
	if target == nil {
		return "", ""
	}
	taken := strings.FieldsFunc(target[1], func(r rune) bool { return strings.ContainsRune(", ()", r) })
	inner := 0
	for _, s := range list[loop+1:] {
		if s.kind != "{%" {
			continue
		}
		switch word, _, _ := strings.Cut(strings.TrimSpace(s.body), " "); {
		case word == "for" || word == "macro" || word == "call":
			inner++
		case word == "endfor" && inner == 0:
			return before, within
		case word == "endfor" || word == "endmacro" || word == "endcall":
			inner--
		}
		name := setName.FindStringSubmatch(s.body)
		if name == nil || inner > 0 || slices.Contains(taken, name[1]) {
			continue
		}
		taken = append(taken, name[1])
		before += fmt.Sprintf("{%% set _%d_%s = %s %%}", loop, name[1], name[1])
		within += fmt.Sprintf("{%% set %s = _%d_%s %%}", name[1], loop, name[1])
	}
	return before, within
}
