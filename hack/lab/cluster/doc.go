// Package cluster describes a Kubernetes cluster of plain processes: their
// certificates, configurations, arguments and the order in which they start.
// It starts nothing itself.
package cluster
