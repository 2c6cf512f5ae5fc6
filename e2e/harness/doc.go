// Package harness drives a cluster for the demo and for the end-to-end tests:
// it installs the chart, applies objects, asks questions through a Service and
// reads what pods observe. Everything goes through the API server (its service
// and pod proxies), so that it works on the local cluster and on any other.
package harness
