package compress

import (
	"fmt"
	"strings"
)

// all policies, in the order of the design's table.
func all(o Options) []Policy {
	return []Policy{Full{}, Random{}, Streaming{}, H2O{}, SnapKV{}, PyramidKV{}, VLCache{}, PrefixKV{}, TGV{}, KeyDiff{}, FlashCache{}, AirCache{o}}
}

// Names are those of all policies.
func Names() (names []string) {
	for _, p := range all(Defaults()) {
		names = append(names, p.Name())
	}
	return names
}

// ByName is the policy of that name, in any case. Only AirCache looks at the options.
func ByName(name string, o Options) (Policy, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	for _, p := range all(o) {
		if strings.EqualFold(p.Name(), name) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("policy %q is not known, there are %s", name, strings.Join(Names(), ", "))
}
