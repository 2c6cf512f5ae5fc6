package control

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// keyOf is a key for tests.
func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) string { return EncodePublicKey(key.Public().(ed25519.PublicKey)) }

func ring(t testing.TB, keys ...ed25519.PrivateKey) Keyring {
	t.Helper()
	var encoded []string
	for _, key := range keys {
		encoded = append(encoded, public(key))
	}
	k, err := ParseKeyring(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signed(t testing.TB, tuning Tuning, key ed25519.PrivateKey) string {
	t.Helper()
	b, err := tuning.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDirectiveOnTheWire holds the format: pods that run hold directives of the operators to come against it.
func TestDirectiveOnTheWire(t *testing.T) {
	const wire = `{"payload":"{\"uid\":\"u-1\",\"pool\":\"l40s\",\"revision\":8,\"epoch\":2,\"targetPermille\":400,\"floorPermille\":100}",` +
		`"keyID":"34750f98bd59fcfc","signature":"0Sb4Vjmg4haVGCNCysaCQ3qH/TQnpu38SbrJOBT/yjzyL+iI6JxBljed6UNE52bdl0L7qwvZnGmF/RcUKbgkDg=="}`
	if got := signed(t, wish, keyOf(1)); got != wire {
		t.Errorf("written as %s", got)
	}
	got, err := ring(t, keyOf(1)).Open(strings.NewReader(wire))
	if err != nil || got != wish {
		t.Errorf("read as %+v, %v", got, err)
	}
}

func TestOpen(t *testing.T) {
	ours, next, stranger := keyOf(1), keyOf(2), keyOf(3)
	good := signed(t, wish, ours)
	edit := func(change func(*Directive)) string {
		var d Directive
		if err := json.Unmarshal([]byte(good), &d); err != nil {
			t.Fatal(err)
		}
		change(&d)
		b, _ := json.Marshal(d)
		return string(b)
	}
	plain, _ := json.Marshal(wish)
	other, err := ours.Sign(nil, plain, &ed25519.Options{Context: "aircache.dev/something-else"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, body, code string }{
		{"what the current key signed", good, ""},
		{"what the next key signed", signed(t, wish, next), ""},
		{"the same with spaces and a field around the payload", " " + strings.Replace(good, "{", `{ "later": 1, `, 1), ""},
		{"a tuning for every object", signed(t, Tuning{Pool: "l40s", TargetPermille: 400}, ours), CodeWrongAddressee},
		{"a tuning for every pool", signed(t, Tuning{UID: "u-1", TargetPermille: 400}, ours), CodeWrongAddressee},
		{"a tuning without a signature", string(plain), CodeNotSigned},
		{"an empty object", `{}`, CodeNotSigned},
		{"a payload without a signature", edit(func(d *Directive) { d.Signature = nil }), CodeNotSigned},
		{"what a stranger signed", signed(t, wish, stranger), CodeUnknownKey},
		{"no key", edit(func(d *Directive) { d.KeyID = "" }), CodeUnknownKey},
		{"what a stranger signed under our name", edit(func(d *Directive) { d.Signature = ed25519.Sign(stranger, []byte(d.Payload)) }), CodeBadSignature},
		{"what our key signed, under the next key's name", edit(func(d *Directive) { d.KeyID = KeyID(next.Public().(ed25519.PublicKey)) }), CodeBadSignature},
		{"another value", edit(func(d *Directive) { d.Payload = strings.Replace(d.Payload, "400", "900", 1) }), CodeBadSignature},
		{"a space more in the payload", edit(func(d *Directive) { d.Payload += " " }), CodeBadSignature},
		{"half a signature", edit(func(d *Directive) { d.Signature = d.Signature[:32] }), CodeBadSignature},
		{"a signature for another purpose", edit(func(d *Directive) { d.Signature = other }), CodeBadSignature},
		{"a signature without a purpose", edit(func(d *Directive) { d.Signature = ed25519.Sign(ours, []byte(d.Payload)) }), CodeBadSignature},
		{"a signature that is no base64", strings.Replace(good, `"signature":"`, `"signature":"!`, 1), CodeInvalidJSON},
		{"a list", `[]`, CodeInvalidJSON},
		{"nothing", ``, CodeInvalidJSON},
		{"more than the limit", edit(func(d *Directive) { d.Payload = strings.Repeat("x", MaxTuningBytes) }), CodeTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ring(t, ours, next).Open(strings.NewReader(c.body))
			var refusal *Error
			switch {
			case c.code == "" && (err != nil || got != wish):
				t.Errorf("got %+v, %v", got, err)
			case c.code != "" && (!errors.As(err, &refusal) || refusal.Code != c.code || got != Tuning{}):
				t.Errorf("got %+v, %v; want code %s", got, err, c.code)
			}
		})
	}
}

func TestARefusalNamesTheKeys(t *testing.T) {
	k := ring(t, keyOf(1), keyOf(2))
	_, err := k.Open(strings.NewReader(signed(t, wish, keyOf(3))))
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Status() != http.StatusForbidden || !strings.Contains(refusal.Message, k.IDs()[0]+" and "+k.IDs()[1]) {
		t.Errorf("got %v", err)
	}
}

func TestFieldsOfANewerOperatorAreSignedAndPassedOver(t *testing.T) {
	payload := `{"uid":"u-1","pool":"l40s","revision":8,"epoch":2,"targetPermille":400,"floorPermille":100,"later":{"share":50}}`
	signature, err := keyOf(1).Sign(nil, []byte(payload), signing())
	if err != nil {
		t.Fatal(err)
	}
	d := Directive{payload, ring(t, keyOf(1)).IDs()[0], signature}
	body, _ := json.Marshal(d)
	if got, err := ring(t, keyOf(1)).Open(bytes.NewReader(body)); err != nil || got != wish {
		t.Errorf("got %+v, %v", got, err)
	}
	body = bytes.Replace(body, []byte("50"), []byte("51"), 1)
	if got, err := ring(t, keyOf(1)).Open(bytes.NewReader(body)); err == nil {
		t.Errorf("a changed later field was taken: %+v", got)
	}
}

func TestWithoutKeysBothFormsAreTaken(t *testing.T) {
	plain, _ := json.Marshal(wish)
	for _, body := range []string{string(plain), signed(t, wish, keyOf(9))} {
		if got, err := (Keyring{}).Open(strings.NewReader(body)); err != nil || got != wish {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
	}
}

func TestParseKeyring(t *testing.T) {
	a := public(keyOf(1))
	many := make([]string, MaxKeys+1)
	for i := range many {
		many[i] = public(keyOf(byte(i)))
	}
	for _, c := range []struct {
		name string
		keys []string
		says string
	}{
		{"none", nil, ""},
		{"two", []string{a, public(keyOf(2))}, ""},
		{"one twice", []string{a, a}, "given twice"},
		{"no base64", []string{"not base64!"}, "is not base64"},
		{"too short", []string{"AAAA"}, "has 3 bytes, an Ed25519 key has 32"},
		{"empty", []string{""}, "has 0 bytes"},
		{"too many", many, "at most 8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := ParseKeyring(c.keys)
			switch {
			case c.says == "" && (err != nil || len(k.IDs()) != len(c.keys) || k.IsEmpty() != (len(c.keys) == 0)):
				t.Errorf("got %v, %v", k, err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !k.IsEmpty()):
				t.Errorf("got %v, %v; want %q", k, err, c.says)
			}
		})
	}
}

// Whatever bytes arrive, a pod with keys reads the one tuning that was signed, or none.
func FuzzOpen(f *testing.F) {
	k := ring(f, keyOf(1), keyOf(2))
	good := signed(f, wish, keyOf(1))
	f.Add(good)
	f.Add(strings.Replace(good, "400", "401", 1))
	f.Add(strings.ToUpper(good))
	f.Add(strings.Replace(good, `\"uid\"`, `\u0022uid\u0022`, 1))
	f.Add(good + good)
	f.Fuzz(func(t *testing.T, body string) {
		got, err := k.Open(strings.NewReader(body))
		if err == nil && got != wish {
			t.Errorf("%s is taken for %+v", body, got)
		}
		if err != nil && got != (Tuning{}) {
			t.Errorf("an error came with %+v", got)
		}
	})
}
