package serving

import "testing"

func TestParseListening(t *testing.T) {
	a, ok := parseListening(`{"time":"x","level":"INFO","msg":"listening","api":"127.0.0.1:4","control":"127.0.0.1:5"}`)
	if !ok || a.API != "127.0.0.1:4" || a.Control != "127.0.0.1:5" {
		t.Errorf("got %+v %v", a, ok)
	}
	for _, line := range []string{"", "not json", `{"msg":"ready"}`} {
		if _, ok := parseListening(line); ok {
			t.Errorf("%q is not the line", line)
		}
	}
}
