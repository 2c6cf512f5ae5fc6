package control

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTuningOnTheWire(t *testing.T) {
	const wire = `{"uid":"u-1","pool":"l40s","revision":8,"epoch":2,"targetPermille":400,"floorPermille":100}`
	got, err := DecodeTuning(strings.NewReader(wire))
	if err != nil || got != wish {
		t.Fatalf("got %+v, %v; want %+v", got, err, wish)
	}
	if b, _ := json.Marshal(wish); string(b) != wire {
		t.Errorf("written as %s", b)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ name, body, code, param string }{
		{"nothing", "", CodeInvalidJSON, ""},
		{"a list", "[]", CodeInvalidJSON, ""},
		{"null", "null", CodeInvalidJSON, ""},
		{"half an object", `{"revision":1`, CodeInvalidJSON, ""},
		{"two objects", `{"revision":1}{"revision":2}`, CodeInvalidJSON, ""},
		{"text for a number", `{"targetPermille":"100"}`, CodeInvalidValue, "targetPermille"},
		{"a fraction", `{"targetPermille":0.5}`, CodeInvalidValue, "targetPermille"},
		{"a number that does not fit", `{"targetPermille":4294967296}`, CodeInvalidValue, "targetPermille"},
		{"a body over the limit", `{"uid":"` + strings.Repeat("x", MaxTuningBytes) + `"}`, CodeTooLarge, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := DecodeTuning(strings.NewReader(c.body))
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code != c.code || refusal.Param != c.param {
				t.Errorf("got %#v, want code %s param %q", err, c.code, c.param)
			}
		})
	}
}

func TestDecodePassesOverFieldsOfANewerOperator(t *testing.T) {
	got, err := DecodeTuning(strings.NewReader(`{"targetPermille":300,"signature":"abc"}`))
	if err != nil || got.TargetPermille != 300 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAckAndObservationComeBackAsTheyWereSent(t *testing.T) {
	ack := wish.Accepted(time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC))
	b, _ := json.Marshal(ack)
	if got, err := DecodeAck(strings.NewReader(string(b))); err != nil || got != ack {
		t.Errorf("ack: got %+v, %v from %s", got, err, b)
	}
	seen := Observation{Model: "tiny", Applied: ack, Running: 3, KV: KVObservation{PagesUsed: 5, UsagePeakRatio: .5}}
	b, _ = json.Marshal(seen)
	if got, err := DecodeObservation(strings.NewReader(string(b))); err != nil || got != seen {
		t.Errorf("observation: got %+v, %v from %s", got, err, b)
	}
}

func TestErrorOnTheWire(t *testing.T) {
	old := wish
	old.Revision = 1
	refusal := old.Check(applied, pod).(*Error)
	b, _ := json.Marshal(ErrorBody{refusal})
	got, err := DecodeError(strings.NewReader(string(b)))
	if err != nil || *got != *refusal || got.Status() != http.StatusConflict {
		t.Errorf("got %+v, %v from %s", got, err, b)
	}
	if _, err := DecodeError(strings.NewReader(`{}`)); err == nil {
		t.Error("a body without an error was accepted")
	}
}

func FuzzDecodeTuning(f *testing.F) {
	f.Add(`{"uid":"u","pool":"p","revision":1,"epoch":1,"targetPermille":100,"floorPermille":1}`)
	f.Add(`{"targetPermille":1e3}`)
	f.Add(`{"uid":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		tuning, err := DecodeTuning(strings.NewReader(body))
		if err != nil {
			if tuning != (Tuning{}) {
				t.Errorf("an error came with a value: %+v", tuning)
			}
			return
		}
		b, err := json.Marshal(tuning)
		if err != nil {
			t.Fatalf("writing what was read: %v", err)
		}
		again, err := DecodeTuning(strings.NewReader(string(b)))
		if err != nil || again != tuning {
			t.Errorf("%+v came back as %+v, %v", tuning, again, err)
		}
	})
}
