package eval

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"aircache.dev/aircache/runtime/compress"
)

// ParsePolicies makes policies of their names, with options after a plus sign, and returns the names as they will be reported:
//
//	all                                  every policy, with its defaults
//	snapkv                               SnapKV, in any case
//	AirCache+alpha=0.7+layerBudget=Uniform
func ParsePolicies(words []string) (names []string, policies map[string]compress.Policy, err error) {
	if slices.Equal(words, []string{"all"}) {
		words = compress.Names()
	}
	policies = map[string]compress.Policy{}
	for _, word := range words {
		policy, name, err := parsePolicy(word)
		if err != nil {
			return nil, nil, err
		}
		if policies[name] == nil {
			names = append(names, name)
		}
		policies[name] = policy
	}
	return names, policies, nil
}

func parsePolicy(word string) (compress.Policy, string, error) {
	parts := strings.Split(word, "+")
	options := compress.Defaults()
	for _, part := range parts[1:] {
		if err := setOption(&options, part); err != nil {
			return nil, "", fmt.Errorf("reading policy %q: %w", word, err)
		}
	}
	policy, err := compress.ByName(parts[0], options)
	if err != nil {
		return nil, "", fmt.Errorf("reading policy %q: %w", word, err)
	}
	parts[0] = policy.Name()
	return policy, strings.Join(parts, "+"), nil
}

// setOption reads alpha=0.7 and its like, with the names of compress.Options in any case.
func setOption(o *compress.Options, assignment string) error {
	key, value, _ := strings.Cut(assignment, "=")
	fields := reflect.ValueOf(o).Elem()
	field := fields.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, key) })
	if !field.IsValid() {
		var names []string
		for i := range fields.NumField() {
			names = append(names, fields.Type().Field(i).Name)
		}
		return fmt.Errorf("option %q is unknown, it must be one of %s", key, strings.Join(names, ", "))
	}
	if field.Kind() == reflect.String {
		field.SetString(value)
		return nil
	}
	if err := json.Unmarshal([]byte(value), field.Addr().Interface()); err != nil {
		return fmt.Errorf("option %s is %q, it must be a value of type %s", key, value, field.Type())
	}
	return nil
}
