package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Difference names what differs between two templates, for people: "spec.containers[runtime].image: a:1 -> a:2", lists of words as
// "spec.containers[runtime].args: +--new ---old". It is empty when only the hash does.
func Difference(before, after Template) string {
	var list []string
	compare(&list, "", before.Fields, after.Fields)
	return strings.Join(list, "; ")
}

func compare(list *[]string, path string, before, after any) {
	say := func(format string, values ...any) {
		*list = append(*list, strings.TrimPrefix(path, ".")+": "+fmt.Sprintf(format, values...))
	}
	switch a := after.(type) {
	case map[string]any:
		if b, ok := before.(map[string]any); ok {
			compareMaps(list, path, b, a)
			return
		}
	case []any:
		if b, ok := before.([]any); ok {
			compareLists(list, path, b, a)
			return
		}
	}
	switch b, a := text(before), text(after); {
	case b == a:
	case before == nil:
		say("+%s", a)
	case after == nil:
		say("-%s", b)
	default:
		say("%s -> %s", b, a)
	}
}

func compareMaps(list *[]string, path string, before, after map[string]any) {
	keys := map[string]bool{}
	for _, m := range []map[string]any{before, after} {
		for key := range m {
			keys[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if key == TemplateAnnotation {
			continue // it differs whenever something else does
		}
		compare(list, path+"."+key, before[key], after[key])
	}
}

// compareLists finds objects by their key where they have one; of other lists it tells what came and what went.
func compareLists(list *[]string, path string, before, after []any) {
	if key := mergeKey(append(slices.Clone(before), after...)); key != "" {
		for _, item := range before {
			value := item.(map[string]any)[key]
			compare(list, fmt.Sprintf("%s[%v]", path, value), item, find(after, key, value))
		}
		for _, item := range after {
			if value := item.(map[string]any)[key]; find(before, key, value) == nil {
				compare(list, fmt.Sprintf("%s[%v]", path, value), nil, item)
			}
		}
		return
	}
	var changes []string
	for _, item := range after {
		if !containsText(before, item) {
			changes = append(changes, "+"+text(item))
		}
	}
	for _, item := range before {
		if !containsText(after, item) {
			changes = append(changes, "-"+text(item))
		}
	}
	if len(changes) == 0 && text(before) != text(after) {
		changes = []string{"another order"}
	}
	if len(changes) > 0 {
		*list = append(*list, strings.TrimPrefix(path, ".")+": "+strings.Join(changes, " "))
	}
}

func containsText(list []any, item any) bool {
	return slices.ContainsFunc(list, func(other any) bool { return text(other) == text(item) })
}

// text of a value; fmt prints maps in the order of their keys.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
