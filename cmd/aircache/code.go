package main

import (
	"cmp"
	"runtime/debug"
)

// codeVersion is the commit that this program was built from, with +dirty where the working tree differed: from Go's own stamp, else
// from the build's -X main.version; "unknown" where neither tells.
func codeVersion(info *debug.BuildInfo, version string) string {
	settings := map[string]string{}
	if info != nil {
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
	}
	if revision := settings["vcs.revision"]; revision != "" {
		if settings["vcs.modified"] == "true" {
			revision += "+dirty"
		}
		return revision
	}
	if version == untagged {
		return "unknown"
	}
	return cmp.Or(version, "unknown")
}

// thisCode is the codeVersion of this process.
func thisCode() string {
	info, _ := debug.ReadBuildInfo()
	return codeVersion(info, version)
}
