package audit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const log = `{"stage":"ResponseComplete","verb":"patch","requestURI":"/apis/aircache.dev/v1alpha1/namespaces/n/aircachedeployments/docs/status?fieldManager=x","user":{"username":"system:serviceaccount:s:op"},"objectRef":{"resource":"aircachedeployments","namespace":"n","name":"docs","apiGroup":"aircache.dev","apiVersion":"v1alpha1","subresource":"status"},"responseStatus":{"code":200}}
{"stage":"ResponseStarted","verb":"watch","requestURI":"/api/v1/pods?watch=true","user":{"username":"system:serviceaccount:s:op"},"objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"code":200}}
{"stage":"ResponseComplete","verb":"watch","requestURI":"/api/v1/pods?watch=true","user":{"username":"system:serviceaccount:s:op"},"objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"code":200}}
{"stage":"ResponseComplete","verb":"get","requestURI":"/api","user":{"username":"system:serviceaccount:s:op"},"responseStatus":{"code":200}}
{"stage":"Resp`

func TestReadTakesEveryRequestOnceAndLeavesALineThatIsStillBeingWritten(t *testing.T) {
	got, err := Read(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	user := ServiceAccount("s", "op")
	want := []Request{
		{User: user, Verb: "patch", APIGroup: "aircache.dev", Resource: "aircachedeployments", Subresource: "status", Namespace: "n", Name: "docs",
			Path: "/apis/aircache.dev/v1alpha1/namespaces/n/aircachedeployments/docs/status", Code: 200},
		{User: user, Verb: "watch", Resource: "pods", Path: "/api/v1/pods", Code: 200},
		{User: user, Verb: "get", Path: "/api", Code: 200},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestReadNamesTheLineThatIsNoEvent(t *testing.T) {
	if _, err := Read(strings.NewReader("{}\nno JSON\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v, want an error that names line 2", err)
	}
}

func TestAFollowerReadsEachLineOnceAndALineWhenItIsWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	half := len(log) / 2
	follower := &Follower{File: file}
	var verbs []string
	for _, written := range []string{log[:half], log, log, log + `onseComplete","verb":"create"}` + "\n"} {
		if err := os.WriteFile(file, []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
		more, err := follower.Next()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range more {
			verbs = append(verbs, r.Verb)
		}
	}
	if !slices.Equal(verbs, []string{"patch", "watch", "get", "create"}) {
		t.Errorf("read %v", verbs)
	}
}

func TestReadFileSaysHowToGetALog(t *testing.T) {
	if _, err := ReadFile(File(t.TempDir())); err == nil || !strings.Contains(err.Error(), "-audit") {
		t.Errorf("got %v", err)
	}
}
