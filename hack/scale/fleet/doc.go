// Package fleet plays the runtime of pods that KWOK only pretends: it listens on the address of each pod, serves /metrics as long
// as a real runtime's, and takes PUT /v1/tuning and the mounted ConfigMap by the rules of a real pod (runtime/control): signature,
// addressee, bounds of the pod's own arguments, order.
//
// Pods get addresses in 127.83.0.0/16, for which Linux answers without further ado, so the operator under test needs no change and
// nothing outside this machine is reachable.
package fleet
