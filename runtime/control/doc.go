// Package control defines what the operator and a runtime pod say to each other
// on the pod's control port: the operator's wish (Tuning), the pod's answer
// (Ack), and what the pod sees (Observation).
//
// A Tuning travels as a Directive: its JSON as text, with an Ed25519 signature over
// exactly those bytes. The same bytes travel two ways: PUT /v1/tuning reaches a pod
// that runs, and a mounted ConfigMap reaches a pod that starts while the operator is
// away. Both go through Keyring.Open, which verifies before it reads, and through
// Tuning.Check, so that not even its operator can talk a pod past the floor and the
// ceiling in its own arguments.
//
// What a refusal says, by its code: not_signed, unknown_key and bad_signature (403),
// wrong_addressee (uid or pool), out_of_bounds, invalid_value and invalid_json (400),
// timeout (408), too_large (413), stale_revision (409). The very same directive again is accepted and
// changes nothing. There is no expiry: the order is (epoch, revision), so the clocks of
// operator and pods need not agree.
//
// The package uses the standard library only: both sides import it.
package control
