// Package directive tells pods what to keep: PUT /v1/tuning on each pod's control port, and
// the Acks that come back. Bodies are plain JSON of package control.
package directive
