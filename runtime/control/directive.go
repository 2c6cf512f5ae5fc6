package control

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// directiveContext binds a signature to its purpose and to this version of the format: the context
// of Ed25519ctx (RFC 8032, section 5.1). A key that signs other things too cannot be tricked into a directive.
const directiveContext = "aircache.dev/directive/v1"

// Directive is a Tuning with the operator's signature, as it travels over the control port and lies in
// the mounted ConfigMap:
//
//	{"payload":"{\"uid\":\"u-1\",...}","keyID":"34750f98bd59fcfc","signature":"<base64 of 64 bytes>"}
//
// Payload is the JSON of the Tuning as text, and the signature is over exactly those bytes. So whatever
// a Tuning holds, fields of a newer operator included, is covered, and nothing of it is read before the
// signature was verified. KeyID only says which key to verify with.
type Directive struct {
	Payload   string `json:"payload"`
	KeyID     string `json:"keyID"`
	Signature []byte `json:"signature"`
}

// Sign writes the directive of a Tuning. Ed25519 is deterministic: the same Tuning and key give the same bytes.
func (t Tuning) Sign(key ed25519.PrivateKey) ([]byte, error) {
	payload, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("writing a tuning: %w", err)
	}
	signature, err := key.Sign(nil, payload, signing())
	if err != nil {
		return nil, fmt.Errorf("signing a tuning: %w", err)
	}
	directive, err := json.Marshal(Directive{Payload: string(payload), KeyID: KeyID(key.Public().(ed25519.PublicKey)), Signature: signature})
	if err != nil {
		return nil, fmt.Errorf("writing a directive: %w", err)
	}
	return directive, nil
}

// KeyID names a public key: the first 8 bytes of its SHA-256, in hex.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

func signing() *ed25519.Options {
	return &ed25519.Options{Hash: crypto.Hash(0), Context: directiveContext}
}
