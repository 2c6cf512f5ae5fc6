package directive

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"aircache.dev/aircache/runtime/control"
)

// Keys are the operator's: one signs, and pods are told its public half and that of the key which will
// sign after it. So a rotation needs no pod to be replaced: pods of before know the key that signs then.
type Keys struct {
	current ed25519.PrivateKey
	public  []ed25519.PublicKey
}

// NewKeys takes the key that signs and, if there is one yet, the public half of the next.
func NewKeys(current ed25519.PrivateKey, next ed25519.PublicKey) (*Keys, error) {
	own := current.Public().(ed25519.PublicKey)
	k := &Keys{current: current, public: []ed25519.PublicKey{own}}
	if next == nil {
		return k, nil
	}
	if own.Equal(next) {
		return nil, errors.New("the next key is the current one")
	}
	k.public = append(k.public, next)
	return k, nil
}

// ReadKeys reads PEM files. The current key is private; of the next one its public half is enough, and
// nextFile may be empty.
func ReadKeys(currentFile, nextFile string) (*Keys, error) {
	content, err := readFile(currentFile)
	if err != nil {
		return nil, fmt.Errorf("reading the key that signs directives: %w", err)
	}
	current, err := DecodePrivateKey(content)
	if err != nil {
		return nil, fmt.Errorf("reading the key that signs directives: %s: %w", currentFile, err)
	}
	var next ed25519.PublicKey
	if nextFile != "" {
		if content, err = readFile(nextFile); err == nil {
			next, err = DecodePublicKey(content)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the next key of directives: %s: %w", nextFile, err)
		}
	}
	keys, err := NewKeys(current, next)
	if err != nil {
		return nil, fmt.Errorf("reading the next key of directives: %s: %w", nextFile, err)
	}
	return keys, nil
}

// Sign writes the directive of a tuning: the same bytes for the same tuning, whenever and wherever.
func (k *Keys) Sign(t control.Tuning) ([]byte, error) { return t.Sign(k.current) }

// Public is what pods are told, the current key first.
func (k *Keys) Public() []string {
	list := make([]string, len(k.public))
	for i, key := range k.public {
		list[i] = control.EncodePublicKey(key)
	}
	return list
}

// IDs names the keys, the current one first.
func (k *Keys) IDs() []string {
	list := make([]string, len(k.public))
	for i, key := range k.public {
		list[i] = control.KeyID(key)
	}
	return list
}
