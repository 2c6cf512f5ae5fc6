package cluster

import (
	"fmt"
	"strings"
	"testing"
)

func nodeJSON(ready, gpus string) string {
	return fmt.Sprintf(`{"metadata":{"name":"lab-0"},"status":{"allocatable":{"cpu":"2","nvidia.com/gpu":%q},
	 "conditions":[{"type":"DiskPressure","status":"False"},{"type":"Ready","status":%q,"message":"the network is not up"}]}}`, gpus, ready)
}

func TestCheckNode(t *testing.T) {
	tests := []struct {
		name, body string
		gpus       int
		want       string // in the error; empty for none
	}{
		{"a ready node with all GPUs", nodeJSON("True", "8"), 8, ""},
		{"a node whose plugin has not registered yet", nodeJSON("True", "0"), 8, `offers "0" nvidia.com/gpu, 8 are expected`},
		{"a node that has no GPU to offer", nodeJSON("True", "0"), 0, ""},
		{"a node that is not ready says why", nodeJSON("False", "8"), 8, "the network is not up"},
		{"a node that is just registered", `{"metadata":{"name":"lab-0"}}`, 0, "has not reported yet"},
		{"an answer that is no JSON", "<html>", 0, "reading the node"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkError(t, CheckNode([]byte(test.body), test.gpus), test.want) })
	}
}

func TestCheckNodes(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"all are ready", `{"items":[` + nodeJSON("True", "8") + `]}`, ""},
		{"one of two is not", `{"items":[` + nodeJSON("True", "8") + `,` + nodeJSON("Unknown", "8") + `]}`, "not ready"},
		{"there is none", `{"items":[]}`, "no node"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkError(t, CheckNodes([]byte(test.body)), test.want) })
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if (want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), want)) {
		t.Errorf("got %v, want %q", err, want)
	}
}
