package control

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// MaxKeys is how many public keys a pod takes: the one in use and the next are two.
const MaxKeys = 8

// Keyring is the public keys whose directives a pod applies. The empty one asks for no signature.
type Keyring struct{ keys []ed25519.PublicKey }

// ParseKeyring reads public keys, each the base64 of an Ed25519 key's 32 bytes.
func ParseKeyring(encoded []string) (Keyring, error) {
	var k Keyring
	if len(encoded) > MaxKeys {
		return k, fmt.Errorf("%d public keys were given, at most %d are allowed", len(encoded), MaxKeys)
	}
	for _, text := range encoded {
		key, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return Keyring{}, fmt.Errorf("public key %.64q is not base64: %w", text, err)
		}
		if len(key) != ed25519.PublicKeySize {
			return Keyring{}, fmt.Errorf("public key %.64q has %d bytes, an Ed25519 key has %d", text, len(key), ed25519.PublicKeySize)
		}
		if k.find(KeyID(key)) != nil {
			return Keyring{}, fmt.Errorf("public key %q was given twice", text)
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

// EncodePublicKey is the text that ParseKeyring reads.
func EncodePublicKey(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// IsEmpty tells whether unsigned tunings are taken.
func (k Keyring) IsEmpty() bool { return len(k.keys) == 0 }

// IDs names the keys in the order in which they were given.
func (k Keyring) IDs() []string {
	ids := make([]string, len(k.keys))
	for i, key := range k.keys {
		ids[i] = KeyID(key)
	}
	return ids
}

// Open reads a directive, at most MaxTuningBytes of it, and returns its Tuning if one of the keys signed it. The
// empty Keyring takes a Tuning without a signature too. An *Error says what is wrong; Check judges the values.
func (k Keyring) Open(r io.Reader) (Tuning, error) {
	content, err := read(r, "directive", MaxTuningBytes)
	if err != nil {
		return Tuning{}, err
	}
	d, err := parse[Directive](content, "directive")
	if err != nil {
		return Tuning{}, err
	}
	if k.IsEmpty() {
		if d.Payload != "" {
			content = []byte(d.Payload)
		}
		return parse[Tuning](content, "tuning")
	}
	if err := k.verify(d); err != nil {
		return Tuning{}, err
	}
	t, err := parse[Tuning]([]byte(d.Payload), "payload")
	if err == nil && (t.UID == "" || t.Pool == "") { // for everybody: it could be replayed at any pod
		return Tuning{}, refused("uid", CodeWrongAddressee, "uid is %q and pool is %q, a signed tuning names both", t.UID, t.Pool)
	}
	return t, err
}

func (k Keyring) verify(d Directive) error {
	if d.Payload == "" || len(d.Signature) == 0 {
		return refused("signature", CodeNotSigned, "directive has no payload with a signature, and this pod applies only what its operator signed")
	}
	key := k.find(d.KeyID)
	if key == nil {
		return refused("keyID", CodeUnknownKey, "directive is signed with key %.64q, this pod knows %s", d.KeyID, strings.Join(k.IDs(), " and "))
	}
	if err := ed25519.VerifyWithOptions(key, []byte(d.Payload), d.Signature, signing()); err != nil {
		return refused("signature", CodeBadSignature, "directive was not signed by key %s, or was changed afterwards", d.KeyID)
	}
	return nil
}

func (k Keyring) find(id string) ed25519.PublicKey {
	for _, key := range k.keys {
		if KeyID(key) == id {
			return key
		}
	}
	return nil
}
