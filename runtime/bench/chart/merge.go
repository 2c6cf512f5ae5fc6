package chart

import (
	"slices"

	"aircache.dev/aircache/runtime/bench"
)

// Merge makes one report of those of one program, model and device: kinds can be measured by a process each. It has the first
// one's name; where a case was measured twice, the later figure counts.
func Merge(reports []Named) (merged []Named) {
	for _, r := range reports {
		at := slices.IndexFunc(merged, func(m Named) bool {
			a, b := m.Report.Settings, r.Report.Settings
			return a.Code == b.Code && a.Model == b.Model && a.Device == b.Device
		})
		if at < 0 {
			merged = append(merged, Named{Name: r.Name, Report: &bench.Report{Settings: r.Report.Settings}})
			at = len(merged) - 1
		}
		into := merged[at].Report
		for _, f := range r.Report.Figures {
			into.Figures = slices.DeleteFunc(into.Figures, func(old bench.Figure) bool { return old.Case == f.Case })
			into.Figures = append(into.Figures, f)
		}
	}
	return merged
}
