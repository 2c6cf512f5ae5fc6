package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeysAreReadAgainWhenTheirFileChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# of the first team\nsk-1\n\n sk-2 \n")
	f, err := openKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		changed    bool
		says       string
	}{
		{"the same", "# of the first team\nsk-1\n\n sk-2 \n", false, ""},
		{"another key", "sk-3\n", true, ""},
		{"an empty file", "\n", false, "has no key in it"},
		{"a key again", "sk-4\n", true, ""},
	} {
		write(c.text)
		changed, err := f.poll()
		if changed != c.changed || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: changed %v, %v", c.name, changed, err)
		}
	}
}

func TestAKeyFileThatIsGoneIsSaidOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte("sk-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	log, ticks := newLog(), make(chan time.Time)
	go f.follow(t.Context(), ticks, slog.New(slog.NewTextHandler(log, nil)))
	for range 4 { // the fourth is taken when the third was judged
		ticks <- time.Time{}
	}
	if n := strings.Count(log.all(), "the API keys are not usable"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.all())
	}
}
