package directive

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/control"
)

func private(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// after are the operator's keys after n rotations.
func after(t *testing.T, n byte) *Keys {
	t.Helper()
	k, err := NewKeys(private(n+1), private(n+2).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keys(t *testing.T) *Keys { t.Helper(); return after(t, 0) }

// TestARotationLosesNoPod: pods know the key in use and the next; the operator goes on to the next.
func TestARotationLosesNoPod(t *testing.T) {
	before, now, later := after(t, 0), after(t, 1), after(t, 2)
	old, young := knows(t, before), knows(t, now)
	for _, c := range []struct {
		name string
		by   *Keys
		pod  control.Keyring
		code string
	}{
		{"before the rotation, old pods obey", before, old, ""},
		{"after it, old pods obey", now, old, ""},
		{"and so do pods that started since", now, young, ""},
		{"an operator that has not restarted yet has the pods that started before it", before, old, ""},
		{"the key that was given up means nothing to young pods", before, young, control.CodeUnknownKey},
		{"a second rotation keeps the pods that started since the first", later, young, ""},
		{"and loses those of before, which is why they are replaced first", later, old, control.CodeUnknownKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, err := c.by.Sign(tuning)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.pod.Open(bytes.NewReader(body))
			refused, _ := err.(*control.Error)
			switch {
			case c.code == "" && (err != nil || got != tuning):
				t.Errorf("got %+v, %v", got, err)
			case c.code != "" && (refused == nil || refused.Code != c.code):
				t.Errorf("got %v, want code %s", err, c.code)
			}
		})
	}
}

func knows(t *testing.T, k *Keys) control.Keyring {
	t.Helper()
	ring, err := control.ParseKeyring(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestTheSameTuningIsTheSameBytes(t *testing.T) {
	first, err := keys(t).Sign(tuning)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if again, err := after(t, 0).Sign(tuning); err != nil || !bytes.Equal(first, again) {
			t.Fatalf("got %s, %v after %s", again, err, first)
		}
	}
}

func block(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestReadKeys(t *testing.T) {
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return block("PRIVATE KEY", der, err)
	}
	pkix := func(key any) []byte { der, err := x509.MarshalPKIXPublicKey(key); return block("PUBLIC KEY", der, err) }
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	one, two := pkcs8(private(1)), pkcs8(private(2))
	for _, c := range []struct {
		name          string
		current, next []byte // no next file when nil
		ids           int
		says          string
	}{
		{"two private keys", one, two, 2, ""},
		{"a made one and the public half of the next", made, pkix(private(2).Public()), 2, ""},
		{"no next one yet", one, nil, 1, ""},
		{"one key twice", one, one, 0, "next.pem: the next key is the current one"},
		{"a public key cannot sign", pkix(private(1).Public()), nil, 0, `current.pem: it holds a "PUBLIC KEY" block, it must be "PRIVATE KEY"`},
		{"another kind of key", pkcs8(curve), nil, 0, "current.pem: it holds a *ecdsa.PrivateKey, it must be an Ed25519 key"},
		{"another kind of next key", one, pkix(curve.Public()), 0, "next.pem: it holds a *ecdsa.PublicKey, it must be an Ed25519 key"},
		{"no PEM", []byte("secret"), nil, 0, "current.pem: it holds no PEM block"},
		{"an empty file", []byte{}, nil, 0, "it holds no PEM block"},
		{"two keys in one file", append(append([]byte{}, one...), two...), nil, 0, "current.pem: it holds more than one key"},
		{"half a key", block("PRIVATE KEY", []byte{48, 46}, nil), nil, 0, "current.pem: it holds no PKCS #8 key"},
		{"an endless file", bytes.Repeat([]byte("x"), maxKeyFile+1), nil, 0, "it has more than 16384 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name string, content []byte) string {
				if content == nil {
					return ""
				}
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			k, err := ReadKeys(write("current.pem", c.current), write("next.pem", c.next))
			switch {
			case c.says == "" && (err != nil || len(k.IDs()) != c.ids):
				t.Errorf("got %v, %v", k, err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	if _, err := ReadKeys("/does/not/exist.pem", ""); err == nil || !strings.Contains(err.Error(), "/does/not/exist.pem") {
		t.Errorf("a file that is missing: %v", err)
	}
}

// A public half that pods are told names its key as the signature does.
func TestPublicKeysAndTheirNamesGoTogether(t *testing.T) {
	k := keys(t)
	if got, want := knows(t, k).IDs(), k.IDs(); got[0] != want[0] || got[1] != want[1] {
		t.Errorf("pods name %v, the operator %v", got, want)
	}
}
