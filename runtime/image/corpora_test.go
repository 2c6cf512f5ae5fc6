package image

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// corpora are the pictures that Go's own decoders are tested with, good ones and bad ones, from the toolchain and from x/image.
func corpora(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, c := range []struct {
		command []string
		folders []string
	}{
		{[]string{"env", "GOROOT"}, []string{"src/image/testdata", "src/image/png/testdata", "src/image/png/testdata/pngsuite"}},
		{[]string{"list", "-m", "-f", "{{.Dir}}", "golang.org/x/image"}, []string{"testdata"}},
	} {
		out, err := exec.Command("go", c.command...).Output()
		if err != nil {
			t.Fatalf("finding Go's own pictures: go %s: %v", strings.Join(c.command, " "), err)
		}
		for _, folder := range c.folders {
			names, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), folder, "*.*"))
			if err != nil || len(names) == 0 {
				t.Fatalf("finding Go's own pictures: none in %s: %v", folder, err)
			}
			for _, name := range names {
				if info, err := os.Stat(name); err != nil || info.IsDir() || info.Size() > 200_000 {
					continue
				}
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				files[folder+"/"+filepath.Base(name)] = b
			}
		}
	}
	return files
}

// Whole, cut off at any place and with wrong bytes: a picture of the size that its header said, or an error; never a panic.
func TestGosOwnPicturesAndWhatIsLeftOfThem(t *testing.T) {
	lim := Limits{Pixels: 1 << 18}
	decoded := 0
	for name, b := range corpora(t) {
		if judged(t, name, b, lim) {
			decoded++
		}
		r := rand.New(rand.NewPCG(1, uint64(len(b))))
		for range 6 {
			judged(t, name+", cut off", b[:r.IntN(len(b)+1)], lim)
			spoilt := append([]byte{}, b...)
			for range 1 + r.IntN(4) {
				spoilt[r.IntN(len(spoilt))] ^= 1 << r.IntN(8)
			}
			judged(t, name+", spoilt", spoilt, lim)
		}
	}
	if decoded < 40 {
		t.Errorf("only %d of Go's own pictures were decoded", decoded)
	}
}

func judged(t *testing.T, name string, b []byte, lim Limits) bool {
	t.Helper()
	info, headErr := DecodeConfig(b, lim)
	p, err := Decode(b, lim)
	switch {
	case err != nil && err.Error() == "":
		t.Errorf("%s: an error without words", name)
	case err == nil && headErr != nil:
		t.Errorf("%s: decoded, though its header was refused: %v", name, headErr)
	case err == nil && (p.W*p.H != info.Width*info.Height || len(p.Pix) != 3*p.W*p.H):
		t.Errorf("%s: %d x %d pixels in %d bytes, its header says %d x %d", name, p.W, p.H, len(p.Pix), info.Width, info.Height)
	}
	return err == nil
}
