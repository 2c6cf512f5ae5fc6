// Package backendtest holds every backend against naive float64 loops: all ops, odd shapes (1, 31, 33, 4097), ragged caches
// over scattered pages. A backend's own test calls [Run] with the tolerance that it promises.
//
// A value passes when |got - want| <= tolerance * (1 + |want|). Inputs are drawn so that results are about 1.
package backendtest
