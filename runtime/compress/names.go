package compress

import (
	"fmt"
	"strings"
)

// Names are those of all policies, in the order of the design's table.
func Names() []string { return []string{"AirCache", "Full"} }

// ByName is the policy of that name, in any case. Only AirCache looks at the options.
func ByName(name string, o Options) (Policy, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	for _, p := range []Policy{AirCache{o}, Full{}} {
		if strings.EqualFold(p.Name(), name) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("policy %q is not known, there are %s", name, strings.Join(Names(), ", "))
}
