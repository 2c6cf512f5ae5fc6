package testkit

import (
	"bytes"
	"crypto/ed25519"

	"aircache.dev/aircache/controllers/directive"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/runtime/control"
)

// PrivateKey is the nth of the operator's keys in tests.
func PrivateKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// KeysAfter are the operator's keys after n rotations: key n+1 signs, n+2 is the next.
func KeysAfter(n byte) *directive.Keys {
	keys, err := directive.NewKeys(PrivateKey(n+1), PrivateKey(n+2).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err) // two keys of different seeds are never equal
	}
	return keys
}

// Keys are the operator's keys.
func Keys() *directive.Keys { return KeysAfter(0) }

// Operator is what an operator with Keys brings into the children.
func Operator() render.Operator {
	return render.Operator{RuntimeImage: RuntimeImage, PublicKeys: Keys().Public(), Sign: Keys().Sign}
}

// Keyring is what pods know that were rendered with these keys.
func Keyring(keys *directive.Keys) control.Keyring {
	ring, err := control.ParseKeyring(keys.Public())
	if err != nil {
		panic(err) // what Public writes can be read
	}
	return ring
}
