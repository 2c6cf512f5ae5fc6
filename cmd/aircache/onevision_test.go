package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/server/openai"
)

// A small LLaVA-OneVision; what it answers is held against transformers in runtime/parity.
const (
	onevision         = "../../runtime/parity/testdata/llava-onevision/model"
	onevisionPictures = "../../runtime/parity/testdata/llava-onevision/pictures/"
)

// tokensOf asks about pictures, and gives the tokens that they took and kept.
func tokensOf(t *testing.T, args ...string) (took, kept int) {
	t.Helper()
	out, err := execute(append([]string{"generate", "--model", onevision, "--prompt", "What is this?", "--max-tokens", "4", "--json"}, args...)...)
	var answer struct{ Usage openai.Usage }
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil || answer.Usage.AirCache == nil {
		t.Fatalf("%q, %v", out, err)
	}
	return answer.Usage.PromptDetails.ImageTokens, answer.Usage.AirCache.VisualTokensKept
}

func TestLensShowsAPictureOfTiles(t *testing.T) {
	out := filepath.Join(t.TempDir(), "lens.png")
	text, err := runCommand(t, "lens", "--model", onevision, "--image", onevisionPictures+"02-0.png", "--prompt", "What is this?", "--retention-permille", "200", "-o", out)
	if err != nil || !strings.Contains(text, "of 172") {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestAPictureTakesTokensByItsShapeAndItsCompany(t *testing.T) {
	square, wide := onevisionPictures+"02-0.png", onevisionPictures+"03-0.png" // 120 x 120 and 170 x 37 pixels
	if took, kept := tokensOf(t, "--image", square, "--retention-permille", "200"); took != 172 || kept != 34 {
		t.Errorf("alone, the square took %d tokens and kept %d", took, kept)
	}
	if took, _ := tokensOf(t, "--image", wide); took != 92 {
		t.Errorf("alone, the wide one took %d tokens", took)
	}
	if took, _ := tokensOf(t, "--image", square, "--image", wide); took != 2*17 {
		t.Errorf("both together took %d tokens", took)
	}
}
