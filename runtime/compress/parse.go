package compress

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Parse makes a policy of its name, in any case, with options after plus signs: the spelling that every command and the API use.
// What is not named stays as in defaults. The second result is the name as it is to be reported: the policy's own spelling, and
// the options as they were given.
//
//	snapkv                                   SnapKV
//	AirCache+alpha=0.7+layerBudget=Uniform   AirCache, of the defaults alpha and layerBudget changed
//	AirCache+paper+alpha=0.7                 AirCache as published (see Paper), but for alpha
func Parse(word string, defaults Options) (Policy, string, error) {
	parts := strings.Split(word, "+")
	options := defaults
	for i, part := range parts[1:] {
		if i == 0 && strings.EqualFold(part, paper) {
			options = Paper()
			continue
		}
		if err := options.set(part); err != nil {
			return nil, "", fmt.Errorf("reading policy %q: %w", word, err)
		}
	}
	policy, err := ByName(parts[0], options)
	if err != nil {
		return nil, "", fmt.Errorf("reading policy %q: %w", word, err)
	}
	if _, takes := policy.(AirCache); !takes && len(parts) > 1 {
		return nil, "", fmt.Errorf("reading policy %q: %s takes no options, only %s does", word, policy.Name(), AirCache{}.Name())
	}
	parts[0] = policy.Name()
	return policy, strings.Join(parts, "+"), nil
}

// paper, as the first option, stands for all of Paper's.
const paper = "paper"

// OptionNames are the names of the options, as Parse takes them.
func OptionNames() (names []string) {
	for i := range reflect.TypeFor[Options]().NumField() {
		names = append(names, optionName(reflect.TypeFor[Options]().Field(i).Name))
	}
	return names
}

// optionName is a field's name as it is spelled outside of Go: LayerBudget is layerBudget.
func optionName(field string) string { return strings.ToLower(field[:1]) + field[1:] }

// set reads alpha=0.7 and its like, with the names of the fields in any case.
func (o *Options) set(assignment string) error {
	key, value, _ := strings.Cut(assignment, "=")
	field := reflect.ValueOf(o).Elem().FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, key) })
	if !field.IsValid() {
		return fmt.Errorf("option %q is not known, there are %s", key, strings.Join(OptionNames(), ", "))
	}
	if field.Kind() == reflect.String {
		field.SetString(value)
		return nil
	}
	if err := json.Unmarshal([]byte(value), field.Addr().Interface()); err != nil || value == "null" {
		return fmt.Errorf("option %s is %q, it must be a value of type %s", key, value, field.Type())
	}
	return nil
}
