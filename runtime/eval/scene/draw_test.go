package scene

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestTheSameSeedDrawsTheSameSample(t *testing.T) {
	for _, task := range Tasks() {
		a, err := Draw(task, 7, 3)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := Draw(task, 7, 3); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: two draws differ", task.Name)
		}
		for _, other := range []struct {
			seed  uint64
			index int
		}{{7, 4}, {8, 3}} {
			if b, _ := Draw(task, other.seed, other.index); bytes.Equal(a.Pictures[0].Pix, b.Pictures[0].Pix) {
				t.Errorf("%s: seed %d, index %d draw the picture of seed 7, index 3", task.Name, other.seed, other.index)
			}
		}
	}
}

func TestATaskAsksWhatItsNameSays(t *testing.T) {
	for _, task := range Tasks() {
		for i := range 20 {
			shot, err := Draw(task, 1, i)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(task.Forms, shot.Form) || len(shot.Pictures) != task.Pictures || shot.Answer == "" {
				t.Errorf("%s %d: form %s, %d pictures, answer %q", task.Name, i, shot.Form, len(shot.Pictures), shot.Answer)
			}
			if strings.ContainsAny(shot.Question, "{}") {
				t.Errorf("%s %d: a slot is left open: %q", task.Name, i, shot.Question)
			}
			if asks := strings.Contains(shot.Question, "picture.") || strings.Contains(shot.Question, "picture:"); task.Pictures > 1 && !asks {
				t.Errorf("%s %d does not say which picture: %q", task.Name, i, shot.Question)
			}
		}
	}
}

func TestScenesFollowTheTrainingsRules(t *testing.T) {
	r, cards := rand.New(rand.NewPCG(1, 2)), 0
	for range 2000 {
		s := Sample(r, "")
		low, high := 5, 9
		if s.Kind == Cards {
			cards++
			low, high = 8, 16
		}
		codes := len(s.Colours)
		if s.Kind == Page {
			codes = grid * grid
		}
		if n := len(s.Colours); n < low || n > high || len(s.Codes) != codes {
			t.Fatalf("%s: %d boxes, %d codes", s.Kind, n, len(s.Codes))
		}
		if !slices.Contains(words().Layouts, s.layout) || s.layout[0]+s.layout[1] > cellSide {
			t.Fatalf("layout %v", s.layout)
		}
	}
	if cards < 1200 || cards > 1400 {
		t.Errorf("%d of 2000 scenes are cards, 65 %% were expected", cards)
	}
}

func TestAThirdOfThePicturesIsClean(t *testing.T) {
	r, clean, far := rand.New(rand.NewPCG(3, 4)), 0, 0
	for range 90 {
		s := Sample(r, Cards)
		p, err := spoil(r, s.Render())
		if err != nil {
			t.Fatal(err)
		}
		var square float64
		for i, v := range s.Render().Pix {
			d := float64(v) - float64(p.Pix[i])
			square += d * d
		}
		if square == 0 {
			clean++
		}
		if math.Sqrt(square/float64(len(p.Pix))) > 25 {
			far++
		}
	}
	if clean < 18 || clean > 42 || far > 0 {
		t.Errorf("of 90 pictures %d are clean and %d are beyond recognition", clean, far)
	}
}

func TestAnUnknownTaskIsNamed(t *testing.T) {
	if _, err := TasksNamed([]string{"colour", "poetry"}); err == nil || !strings.Contains(err.Error(), `"poetry"`) {
		t.Errorf("got %v", err)
	}
	if all, err := TasksNamed([]string{"all"}); err != nil || len(all) != len(Tasks()) {
		t.Errorf("all: %d tasks, %v", len(all), err)
	}
}
