package rights

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"

	"aircache.dev/aircache/hack/lab/audit"
)

// a log of three accounts' requests, as the API server writes it
const log = `
{"stage":"ResponseStarted","verb":"watch","requestURI":"/api/v1/pods?watch=true","user":{"username":"system:serviceaccount:s:op"},"objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"code":200}}
{"stage":"ResponseComplete","verb":"patch","requestURI":"/apis/aircache.dev/v1alpha1/namespaces/a/aircachedeployments/x/status","user":{"username":"system:serviceaccount:s:op"},"objectRef":{"resource":"aircachedeployments","namespace":"a","name":"x","apiGroup":"aircache.dev","subresource":"status"},"responseStatus":{"code":200}}
{"stage":"ResponseComplete","verb":"create","requestURI":"/apis/coordination.k8s.io/v1/namespaces/s/leases","user":{"username":"system:serviceaccount:s:op"},"objectRef":{"resource":"leases","namespace":"s","apiGroup":"coordination.k8s.io"},"responseStatus":{"code":201}}
{"stage":"ResponseComplete","verb":"get","requestURI":"/api","user":{"username":"system:serviceaccount:s:op"},"responseStatus":{"code":200}}
{"stage":"ResponseComplete","verb":"delete","requestURI":"/api/v1/namespaces/a/secrets/x","user":{"username":"system:serviceaccount:s:another"},"objectRef":{"resource":"secrets","namespace":"a","name":"x"},"responseStatus":{"code":403}}
`

var granted = append(Of("", []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"watch"}},
	{APIGroups: []string{"aircache.dev"}, Resources: []string{"aircachedeployments/status"}, Verbs: []string{"patch"}},
}), Of("s", []rbacv1.PolicyRule{{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"create"}}})...)

func TestCompare(t *testing.T) {
	pods, leases := Right{Resource: "pods", Verb: "delete"}, Right{Group: "coordination.k8s.io", Resource: "leases", Verb: "update"}
	for _, c := range []struct {
		name      string
		log       string
		granted   []Right
		justified map[Right]string
		want      Findings
	}{
		{name: "what was granted was used, and nothing else", log: log, granted: granted},
		{name: "a right that nobody uses", log: log, granted: append([]Right{pods}, granted...), want: Findings{Unused: []Right{pods}}},
		{name: "one that is justified", log: log, granted: append([]Right{pods}, granted...), justified: map[Right]string{pods: "evictions, one day"}},
		{name: "a justification of what is granted no more", log: log, granted: granted, justified: map[Right]string{leases: "renewals"}, want: Findings{Stale: []Right{leases}}},
		{name: "a request that was refused", granted: granted, log: log + strings.ReplaceAll(log, ":another", ":op"),
			want: Findings{Outside: []string{"delete /secrets in a (403)"}}},
		{name: "a Role does not reach into another namespace", granted: granted, log: log + strings.ReplaceAll(log, "/s/leases\"", "/a/leases\"") + strings.ReplaceAll(log, `"leases","namespace":"s"`, `"leases","namespace":"a"`),
			want: Findings{Outside: []string{"create coordination.k8s.io/leases in a (201)"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			requests, err := audit.Read(strings.NewReader(strings.ReplaceAll(strings.TrimLeft(c.log, "\n"), "\n\n", "\n")))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, Compare(c.granted, audit.ServiceAccount("s", "op"), requests, c.justified)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
