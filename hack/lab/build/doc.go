// Package build compiles the programs of the lab from pinned Go modules.
//
// A program is skipped when its stamp (module sums, sources of our own, flags
// and Go version) has not changed, so a warm build touches no compiler at all.
package build
