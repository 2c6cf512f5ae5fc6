package eval

import (
	"slices"

	"aircache.dev/aircache/runtime/compress"
)

// ParsePolicies makes policies of what compress.Parse reads, and returns the names as they will be reported; all is every policy with
// its defaults.
func ParsePolicies(words []string) (names []string, policies map[string]compress.Policy, err error) {
	if slices.Equal(words, []string{"all"}) {
		words = compress.Names()
	}
	policies = map[string]compress.Policy{}
	for _, word := range words {
		policy, name, err := compress.Parse(word, compress.Defaults())
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
