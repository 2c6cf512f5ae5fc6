// Package control defines what the operator and a runtime pod say to each other
// on the pod's control port: the operator's wish (Tuning), the pod's answer
// (Ack), and what the pod sees (Observation).
//
// The same Tuning bytes travel two ways: PUT /v1/tuning reaches a pod that runs,
// and a mounted ConfigMap reaches a pod that starts while the operator is away.
// Both end in Tuning.Check, so a pod can never be talked past the floor and the
// ceiling in its own arguments.
//
// The package uses the standard library only: both sides import it.
package control
