package main

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLensDrawsWhatEachLayerKeeps(t *testing.T) {
	out := filepath.Join(t.TempDir(), "lens.png")
	text, err := runCommand(t, "lens", "--model", tinyModel, "--image", filepath.Join(tinySamples, "cards-1.png"),
		"--prompt", "Read the code of the pink box.", "--retention-permille", "200", "-o", out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"full cache: FKNS", "20 % of the picture's KV", "layer 7: budget ", "|E| ", "recall 0."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if c, err := png.DecodeConfig(f); err != nil || c.Width < 5*288 || c.Height < 2*288 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLensNamesTheWrongFlag(t *testing.T) {
	all := []string{"lens", "--model", "x", "--image", "x", "--prompt", "x", "-o", "x"}
	for want, args := range map[string][]string{
		"--model":                      all[:1],
		"--retention-permille is 1000": append(all[:9:9], "--retention-permille", "1000"),
		"--policy":                     append(all[:9:9], "--policy", "poetry"),
		"reading --image":              all,
	} {
		if _, err := runCommand(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}
