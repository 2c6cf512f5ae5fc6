package engine

import (
	"slices"
	"testing"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/image"
)

// barredPicture takes 8 x 8 rows and a newline, of which the middle four lines and the newline show something: 33 of 65.
func barredPicture() image.Pixels {
	return image.Pixels{Layout: &image.Layout{Side: 8, Top: 2, Crop: image.Size{Height: 4, Width: 8}}}
}

func barredPrompt() Request {
	tokens := append([]int32{1, 2}, slices.Repeat([]int32{fakePicture}, 65)...)
	return Request{Tokens: append(tokens, 5, 3, 3, 3), Images: []image.Pixels{barredPicture()}}
}

func TestPaddingIsFoundInThePrompt(t *testing.T) {
	plain := picturePrompt(1, 3, 5)
	r := Request{Tokens: append(slices.Clone(plain.Tokens), barredPrompt().Tokens...), Images: append(slices.Clone(plain.Images), barredPicture())}
	p := survey(r, newFake(&fakeTime{}).Config())
	at := int32(len(plain.Tokens)) + 2
	var want []int32
	for row := range int32(64) {
		if row < 16 || row >= 48 {
			want = append(want, at+row)
		}
	}
	if !slices.Equal(p.Padding, want) || len(p.Shown()) != fakeVisual+33 {
		t.Errorf("padding %v, want %v; %d rows are shown", p.Padding, want, len(p.Shown()))
	}
	if p := survey(plain, newFake(&fakeTime{}).Config()); p.Padding != nil {
		t.Errorf("a picture without bars has padding %v", p.Padding)
	}
}

// At 510 permille 33 of 65 rows stay: all that show something, so that all importance stays too.
func TestPaddingIsEvictedFirst(t *testing.T) {
	u := run(t, barredPrompt().max(5), retention(510), uniform).usage
	if u.KVTokensSeen != 65 || u.KVTokensKept != 33 || u.Recall != 1 {
		t.Errorf("served: %+v", u)
	}
	less := run(t, barredPrompt().max(5), retention(480), uniform).usage
	if less.KVTokensKept >= 33 || less.Recall >= 1 {
		t.Errorf("served with two rows less: %+v", less)
	}
}

func TestAStudyEvictsPaddingFirst(t *testing.T) {
	clock := &fakeTime{}
	s, err := NewStudy(newFake(clock), 400*pageBytes, clock.now)
	if err != nil {
		t.Fatal(err)
	}
	r, policies := barredPrompt(), []compress.Policy{compress.AirCache{Options: compress.Defaults()}, compress.SnapKV{}, compress.KeyDiff{}}
	c, err := s.Prompt(t.Context(), r.Tokens, r.Images, 4, policies...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, policy := range policies {
		out, err := c.Run(policy, 200)
		if err != nil {
			t.Fatal(err)
		}
		for l, kept := range out.Kept {
			if slices.ContainsFunc(kept, func(v int32) bool { return v < 16 || v >= 48 && v < 64 }) {
				t.Errorf("%s: layer %d keeps %v", policy.Name(), l, kept)
			}
		}
	}
}
