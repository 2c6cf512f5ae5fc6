package chat

import (
	"slices"
	"strings"
	"testing"
)

func TestExpandImagesRepeatsEachPlaceholder(t *testing.T) {
	got, err := ExpandImages([]int32{1, 9, 2, 9, 9}, 9, []int{2, 1, 3})
	if want := []int32{1, 9, 9, 2, 9, 9, 9, 9}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	got, err = ExpandImages([]int32{1, 2}, 9, nil)
	if err != nil || !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("without pictures: %v, %v", got, err)
	}
}

func TestExpandImagesNamesWhatDoesNotFit(t *testing.T) {
	for want, counts := range map[string][]int{
		"2 picture placeholders for 1 pictures": {4},
		"2 picture placeholders for 3 pictures": {4, 4, 4},
		"picture 1 has 0 tokens":                {4, 0},
	} {
		if _, err := ExpandImages([]int32{9, 9}, 9, counts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("counts %v: got error %v, want one with %q", counts, err, want)
		}
	}
}
