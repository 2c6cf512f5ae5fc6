//go:build e2e

package smoke

import (
	_ "embed"
	"os"
	"strings"
	"testing"

	"aircache.dev/aircache/hack/lab/audit"
)

//go:embed pending.yaml
var pending string

// TestKarpenter runs in a lab with hack/karpenter/pools.
func TestKarpenter(t *testing.T) {
	pools := kubectl(t, "", "get", "nodepools", "-o", "jsonpath={.items[*].metadata.name}")
	if pools != "a100 h100 l40s" {
		t.Fatalf("the node pools are %q: run make lab-smoke", pools)
	}
	kubectl(t, pending, "apply", "-f", "-")
	t.Run("a pod that finds no node gets one of the type that it asks for", func(t *testing.T) {
		kubectl(t, "", "wait", "--for=condition=Ready", "pod", "-l", "app=on-a100", "--timeout=90s")
		node := kubectl(t, "", "get", "pod", "-l", "app=on-a100", "-o", "jsonpath={.items[0].spec.nodeName}")
		label := kubectl(t, "", "get", "node", node, "-o", `jsonpath={.metadata.labels.example\.com/gpu}`)
		if label != "a100" {
			t.Errorf("the pod runs on %s, which is a %q", node, label)
		}
	})
	t.Run("a type without capacity gives none, and the pod's event says so", func(t *testing.T) {
		waitFor(t, "an event of Karpenter", func() bool {
			events := kubectl(t, "", "get", "events", "-o", "jsonpath={range .items[?(@.reportingComponent=='karpenter')]}{.involvedObject.name}{' '}{.message}{'\\n'}{end}")
			return strings.Contains(events, "on-l40s") && strings.Contains(events, "limits")
		})
		if nodes := kubectl(t, "", "get", "nodes", "-l", "example.com/gpu=l40s", "-o", "name"); nodes != "" {
			t.Errorf("there is %s", nodes)
		}
	})
	t.Run("the node goes when its pod has", func(t *testing.T) {
		kubectl(t, "", "delete", "deployment", "on-a100", "on-l40s", "--cascade=foreground")
		kubectl(t, "", "wait", "--for=delete", "nodes", "-l", "example.com/gpu=a100", "--timeout=120s")
	})
}

func TestAuditLogTellsWhatAServiceAccountAskedFor(t *testing.T) {
	const account = "asker"
	kubectl(t, "", "create", "serviceaccount", account)
	token := kubectl(t, "", "create", "token", account)
	_, _ = kubectlAs(t, token, "get", "configmaps", "-n", "kube-public") // it has no rights: the answer is 403, and that is logged
	requests, err := audit.ReadFile(audit.File(os.Getenv("LAB_DIR")))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if r.User == audit.ServiceAccount("default", account) && r.Verb == "list" && r.Resource == "configmaps" && r.Namespace == "kube-public" && r.Code == 403 {
			return
		}
	}
	t.Errorf("the request is not among %+v", requests)
}
