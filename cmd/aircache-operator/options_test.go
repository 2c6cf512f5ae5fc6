package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{"--leader-elect", "--watch-namespaces=a, b,", "--runtime-image=r/aircache@sha256:1", "--log-level=debug", "--workers=3"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !o.leaderElect || !slices.Equal(o.namespaces, []string{"a", "b"}) || o.runtimeImage != "r/aircache@sha256:1" || o.logLevel != slog.LevelDebug || o.workers != 3 {
		t.Errorf("got %+v", o)
	}
	m := o.manager(o.logger(io.Discard))
	if _, ok := m.Cache.DefaultNamespaces["b"]; !ok || len(m.Cache.DefaultNamespaces) != 2 || !m.LeaderElection || len(m.Cache.ByObject) == 0 {
		t.Errorf("manager options are %+v", m)
	}
	o, err = parse(nil, io.Discard)
	if profiles := o.manager(o.logger(io.Discard)).PprofBindAddress; profiles != "" {
		t.Errorf("profiles are served at %q although nobody asked", profiles)
	}
	if err != nil || o.metricsAddr != ":8080" || o.healthAddr != ":8081" || o.cached() != nil || o.workers != 8 {
		t.Errorf("defaults are %+v, %v", o, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, flag, says string }{
		{"no worker", "--workers=0", "from 1 to 64"},
		{"a word without dashes", "serve", `"serve" is not a flag`},
		{"an unknown flag", "--verbose", "not defined"},
		{"an allowed namespace that cannot be", "--allow-from-namespaces=monitoring,A_b", `--allow-from-namespaces has "A_b"`},
		{"a namespace that cannot be", "--watch-namespaces=A_b", `--watch-namespaces has "A_b"`},
		{"a log level that is none", "--log-level=loud", "loud"},
		{"a log format that is none", "--log-format=xml", "json or text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := parse([]string{c.flag}, io.Discard); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}

func TestDetailIsLoggedOnDemandOnly(t *testing.T) {
	for level, want := range map[string]bool{"info": false, "debug": true} {
		o, err := parse([]string{"--log-level=" + level, "--log-format=text"}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		o.logger(&out).V(1).Info("holding")
		if got := strings.Contains(out.String(), "holding"); got != want {
			t.Errorf("level %s logs detail: %v", level, got)
		}
	}
}

func TestPodsCannotSendTheOperatorElsewhere(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	pod := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer pod.Close()
	answer, err := podClient().Get(pod.URL)
	if err != nil || answer.StatusCode != http.StatusFound {
		t.Fatalf("got %v, %v", answer, err)
	}
	answer.Body.Close()
}
