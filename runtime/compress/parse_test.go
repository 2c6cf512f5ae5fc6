package compress

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	uniform := Defaults()
	uniform.LayerBudget = Uniform
	with := func(from Options, change func(*Options)) AirCache {
		change(&from)
		return AirCache{from}
	}
	for _, c := range []struct {
		word     string
		defaults Options
		policy   Policy
		name     string
	}{
		{"AirCache", Defaults(), AirCache{Defaults()}, "AirCache"},
		{"aircache", uniform, AirCache{uniform}, "AirCache"},
		{"SNAPKV", Defaults(), SnapKV{}, "SnapKV"},
		{"full", uniform, Full{}, "Full"},
		{"AirCache+alpha=0.7+layerBudget=Pyramid", uniform, with(uniform, func(o *Options) { o.Alpha, o.LayerBudget = .7, Pyramid }), "AirCache+alpha=0.7+layerBudget=Pyramid"},
		{"AirCache+paper", uniform, AirCache{Paper()}, "AirCache+paper"},
		{"AirCache+Paper+pool=2", uniform, with(Paper(), func(o *Options) { o.Pool = 2 }), "AirCache+Paper+pool=2"},
		{"airCache+ELITEMIN=4", Defaults(), with(Defaults(), func(o *Options) { o.EliteMin = 4 }), "AirCache+ELITEMIN=4"},
	} {
		policy, name, err := Parse(c.word, c.defaults)
		if err != nil || policy != c.policy || name != c.name {
			t.Errorf("%s: %+v, %q, %v", c.word, policy, name, err)
		}
	}
}

func TestEveryPolicyIsParsedByItsName(t *testing.T) {
	for _, name := range Names() {
		if p, reported, err := Parse(name, Defaults()); err != nil || p.Name() != name || reported != name {
			t.Errorf("%s: %v, %q, %v", name, p, reported, err)
		}
	}
}

func TestAWrongPolicyIsNamed(t *testing.T) {
	for word, want := range map[string]string{
		"":                          "there are Full, Random",
		"poetry":                    `policy "poetry" is not known, there are Full, Random`,
		"AirCache+beta=1":           `option "beta" is not known, there are alpha, eliteMin`,
		"AirCache+":                 `option "" is not known`,
		"AirCache+alpha":            `alpha is "", it must be a value of type float64`,
		"AirCache+alpha=much":       `alpha is "much"`,
		"AirCache+alpha=null":       `alpha is "null"`,
		"AirCache+alpha=2":          "alpha is 2, it must be from 0 to 1",
		"AirCache+eliteMin=1.5":     "must be a value of type int",
		"AirCache+layerBudget=Big":  `layerBudget is "Big"`,
		"AirCache+pool=9":           "pool is 9, it must be from 0 to 8",
		"AirCache+pool=2+paper":     `option "paper" is not known`,
		"AirCache+rowWeight=Half":   `rowWeight is "Half"`,
		"AirCache+valueNorm=yes":    `valueNorm is "yes", it must be a value of type bool`,
		"SnapKV+paper":              "SnapKV takes no options",
		"SnapKV+alpha=0.5":          "SnapKV takes no options, only AirCache does",
		"Full+layerBudget=Adaptive": "Full takes no options",
	} {
		if p, _, err := Parse(word, Defaults()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want %q", word, p, err, want)
		}
	}
}

func TestOptionNamesAreThoseOfTheFields(t *testing.T) {
	names := OptionNames()
	if len(names) != reflect.TypeFor[Options]().NumField() || names[0] != "alpha" {
		t.Errorf("%v", names)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AirCache+alpha=0.7+layerBudget=Uniform")
	f.Add("full")
	f.Add("+=+")
	f.Fuzz(func(t *testing.T, word string) {
		policy, name, err := Parse(word, Defaults())
		if err != nil {
			return
		}
		again, same, err := Parse(name, Defaults())
		if err != nil || again != policy || same != name {
			t.Errorf("%q is reported as %q, which is %v, %q, %v", word, name, again, same, err)
		}
	})
}
