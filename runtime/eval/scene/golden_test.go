package scene

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"
)

// golden is a scene as the training's scripts describe it, with what they draw and ask.
type golden struct {
	Kind       Kind              `json:"kind"`
	Codes      map[string]string `json:"codes"`
	Colours    map[string]int    `json:"colours"`
	Layout     layout            `json:"layout"`
	Margin     int               `json:"margin"`
	Font       int               `json:"font"`
	Shift      [2]int            `json:"shift"`
	Paper      rgb               `json:"paper"`
	DarkText   bool              `json:"dark_text"`
	Tint       []rgb             `json:"tint"`
	SHA256     string            `json:"sha256"`
	Candidates map[Form][][5]any `json:"candidates"`
}

func goldens(t *testing.T) (all []golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/scenes.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("%d goldens, expected at least 20", len(all))
	}
	return all
}

func (g golden) scene(t *testing.T) Scene {
	t.Helper()
	s := Scene{Kind: g.Kind, Codes: map[Cell]string{}, Colours: map[Cell]int{}, layout: g.Layout, margin: g.Margin, font: g.Font,
		shift: g.Shift, paper: g.Paper, darkText: g.DarkText, tint: g.Tint}
	cell := func(text string) (at Cell) {
		if _, err := fmt.Sscan(text, &at[0], &at[1]); err != nil {
			t.Fatal(err)
		}
		return at
	}
	for at, text := range g.Codes {
		s.Codes[cell(at)] = text
	}
	for at, colour := range g.Colours {
		s.Colours[cell(at)] = colour
	}
	return s
}

func TestPixelsAreThoseOfTheTraining(t *testing.T) {
	for i, g := range goldens(t) {
		s := g.scene(t)
		sum := sha256.Sum256(s.Render().Pix)
		if got := hex.EncodeToString(sum[:]); got != g.SHA256 {
			t.Errorf("scene %d (%s, font %d, layout %v, shift %v): other pixels", i, g.Kind, g.Font, g.Layout, g.Shift)
		}
	}
}

func TestQuestionsAndAnswersAreThoseOfTheTraining(t *testing.T) {
	for i, g := range goldens(t) {
		s := g.scene(t)
		for _, form := range forms {
			got := [][5]any{}
			for _, f := range s.facts(form) {
				side := ""
				if f.side >= 0 {
					side = words().Sides[f.side].Name
				}
				got = append(got, [5]any{float64(f.colour), float64(f.row), float64(f.column), side, f.answer})
			}
			want := append([][5]any{}, g.Candidates[form]...)
			for _, list := range [][][5]any{got, want} {
				slices.SortFunc(list, func(a, b [5]any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("scene %d, %s:\n got %v\nwant %v", i, form, got, want)
			}
		}
	}
}
