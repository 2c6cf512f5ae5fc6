// Package rights compares what an account may do with what it asked for: RBAC rules with the API server's audit log.
package rights

import (
	"cmp"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"aircache.dev/aircache/hack/lab/audit"
)

// Right is one verb on one resource.
type Right struct {
	Namespace string // empty: in all of them
	Group     string // empty: the core group
	Resource  string // with its subresource, as in "pods/exec"
	Verb      string
}

// String is "verb group/resource", with the namespace where the right has one.
func (r Right) String() string {
	text := r.Verb + " " + r.Group + "/" + r.Resource
	if r.Namespace != "" {
		text += " in " + r.Namespace
	}
	return text
}

// Of takes rules apart; namespace is that of a Role, empty for a ClusterRole.
func Of(namespace string, rules []rbacv1.PolicyRule) []Right {
	var list []Right
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					list = append(list, Right{namespace, group, resource, verb})
				}
			}
		}
	}
	return list
}

// Findings are what a comparison found; each list is sorted.
type Findings struct {
	Outside []string // asked for without a right, or refused
	Unused  []Right  // granted, never asked for, and not justified
	Stale   []Right  // justified, and not granted any more
}

// Compare holds an account's rights against its requests. justified are rights that need not be used, whatever their namespace, with the reason.
// Requests that are for no resource (discovery, health) are everybody's.
func Compare(granted []Right, user string, requests []audit.Request, justified map[Right]string) Findings {
	used, outside := map[Right]bool{}, map[string]bool{}
	for _, r := range requests {
		if r.User != user || r.Resource == "" {
			continue
		}
		asked := Right{Group: r.APIGroup, Resource: r.Resource, Verb: r.Verb}
		if r.Subresource != "" {
			asked.Resource += "/" + r.Subresource
		}
		inNamespace := asked
		inNamespace.Namespace = r.Namespace
		allowed := false
		for _, may := range []Right{asked, inNamespace} {
			if slices.Contains(granted, may) {
				used[may], allowed = true, true
			}
		}
		if !allowed || r.Code == 403 {
			outside[fmt.Sprintf("%s (%d)", inNamespace, r.Code)] = true
		}
	}
	var f Findings
	for text := range outside {
		f.Outside = append(f.Outside, text)
	}
	slices.Sort(f.Outside)
	anywhere := map[Right]bool{}
	for _, may := range granted {
		bare := may
		bare.Namespace = ""
		anywhere[bare] = true
		if !used[may] && justified[bare] == "" {
			f.Unused = append(f.Unused, may)
		}
	}
	for right := range justified {
		if !anywhere[right] {
			f.Stale = append(f.Stale, right)
		}
	}
	for _, list := range [][]Right{f.Unused, f.Stale} {
		slices.SortFunc(list, func(a, b Right) int { return cmp.Compare(a.String(), b.String()) })
	}
	return f
}
