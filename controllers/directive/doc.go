// Package directive signs what the operator asks of pods and tells them: PUT /v1/tuning on each
// pod's control port, and the Acks that come back. The bytes are those of package control, and the
// same lie in the tuning ConfigMap.
package directive
