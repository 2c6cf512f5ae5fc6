package main

import (
	"runtime/debug"
	"testing"
)

func TestTheCodeVersion(t *testing.T) {
	stamp := func(modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "0123abcd"}, {Key: "vcs.modified", Value: modified}}}
	}
	for _, c := range []struct {
		name    string
		info    *debug.BuildInfo
		version string
		want    string
	}{
		{"Go's stamp", stamp("false"), "v1.2.3", "0123abcd"},
		{"a working tree that differs", stamp("true"), "v1.2.3", "0123abcd+dirty"},
		{"a build without the stamp tells by its flag", &debug.BuildInfo{}, "v1.2.3-4-g0123abc", "v1.2.3-4-g0123abc"},
		{"a build that tells nothing", &debug.BuildInfo{}, "devel", "unknown"},
		{"no build information", nil, "devel", "unknown"},
	} {
		if got := codeVersion(c.info, c.version); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
