package cuda

import (
	"fmt"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/compress"
)

// What the device leaves to the engine's cascade through the host: rows chosen for each KV head, and windows and budgets that only studies
// ask for.
func TestOptionsThatTheHostCarriesOut(t *testing.T) {
	for name, path := range devices(t) {
		t.Run(name, func(t *testing.T) {
			b := open(t, path)
			defer b.Close()
			if !b.Compresses(compress.Defaults()) || !b.Compresses(compress.Paper()) {
				t.Error("the device refuses AirCache's own options")
			}
			for name, change := range map[string]func(*compress.Options){
				"by KV head":          func(o *compress.Options) { o.Granularity = compress.ByKVHead },
				"another window":      func(o *compress.Options) { o.Window = compress.Last16 },
				"a budget of its own": func(o *compress.Options) { o.LayerBudget = compress.Pyramid },
			} {
				o := compress.Defaults()
				change(&o)
				if b.Compresses(o) {
					t.Errorf("%s: the device says that it knows %+v", name, o)
				}
				if _, err := b.Compress(backend.Compression{Options: o}); err == nil || !strings.Contains(err.Error(), "does not know the options") {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func TestShownRowsAreFoundAmongThePadding(t *testing.T) {
	p := compress.Prompt{Visual: []int32{3, 4, 5, 7, 9}}
	for want, padding := range map[string][]int32{"[]": nil, "[0 2 4]": {4, 7}, "[1 2 3]": {3, 9}, "[0 1 2 3 4]": {2, 6, 8}, "[4]": {3, 4, 5, 7}} {
		p.Padding = padding
		if got := fmt.Sprint(shownAt(p)); got != want {
			t.Errorf("of %v without %v %s are shown, %s expected", p.Visual, padding, got, want)
		}
	}
	if p.Padding = p.Visual; shownAt(p) != nil {
		t.Error("a picture of nothing but padding is shown whole")
	}
}
