// Package smoke proves that a lab does what the demo and the e2e suites build
// on. Its test runs inside a lab: make lab-smoke.
package smoke
