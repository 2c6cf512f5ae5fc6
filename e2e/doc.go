// Package e2e is the end-to-end suite: the operator from its chart and the
// runtime with the tiny model, on a real cluster. `make e2e` runs it.
package e2e
