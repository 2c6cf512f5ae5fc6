package main

import (
	"errors"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/plan"
)

func TestPlanPrintsWhatFits(t *testing.T) {
	out, err := execute("plan", "--shape", "llava-onevision-7b", "--gpu", "h100,l4", "--visual", "8192,32768")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	for _, want := range []string{
		"llava-onevision-7b on h100", "device 85.52 GB 81559 MiB", "weights 16.06 GB", "activations 1.53 GB a prompt of 32768 tokens, a step of 64 sequences; a picture needs 0.31 GB of them",
		"visual tokens 100 % 50 % 20 % 10 %", "32768 - - - -", "llava-onevision-7b on l4",
	} {
		found := false
		for _, line := range lines {
			found = found || line == want
		}
		if !found {
			t.Errorf("no line %q in:\n%s", want, out)
		}
	}
}

func TestPlanOfWhatDoesNotFit(t *testing.T) {
	out, err := execute("plan", "--shape", "llava-onevision-7b", "--memory-gib", "12")
	if err != nil || !strings.Contains(out, "the model does not fit: ") || strings.Contains(out, "sequences at once") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestBadPlansNameTheFieldAndTheLimit(t *testing.T) {
	for args, says := range map[string]string{
		"plan":                                       "--model or --shape is required",
		"plan --shape x":                             `"x" is not known`,
		"plan --shape tiny --gpu abacus":             `--gpu: GPU "abacus" is not known, there are`,
		"plan --shape tiny --visual -1":              "--visual is -1",
		"plan --shape tiny --retention 101":          "--retention",
		"plan --shape tiny --memory-gib 0.5":         "--memory-gib is 0.5, it must be from 1 to 4096",
		"plan --shape tiny --answer 0":               "--answer is 0",
		"plan --model /does/not/exist --gpu h100":    "config.json",
		"plan --shape tiny --max-running 0 --gpu l4": "--max-running is 0",
	} {
		if _, err := execute(strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("aircache %s: %v, the error should say %q", args, err, says)
		}
	}
}

func TestWhatDoesNotFitIsRefusedBeforeItIsLoaded(t *testing.T) {
	const gib = 1 << 30
	seven := model.Footprint{Weights: 16 * gib, Activations: 2 * gib}
	for name, c := range map[string]struct {
		asked int64
		host  memory
		says  string
	}{
		"weights beyond the container":                 {0, memory{cgroup: 8 * gib, available: 100 * gib}, "leaves -12884901888 bytes"},
		"a cache beyond the container":                 {12 * gib, memory{cgroup: 24 * gib, available: 100 * gib}, "4.29 GB are missing: of 25.77 GB"},
		"weights beyond the machine":                   {gib, memory{available: 12 * gib}, "4.31 GB are missing"},
		"a cache beyond what is available just now":    {12 * gib, memory{available: 20 * gib}, ""},
		"a cache that was told where nothing is known": {gib, memory{}, ""},
		"half of the container":                        {0, memory{cgroup: 40 * gib, available: 100 * gib}, ""},
	} {
		m, cache, err := planHost(c.asked, c.host, seven, 1<<50)
		if c.says == "" && (err != nil || m.KV != cache.bytes || cache.bytes <= 0) {
			t.Errorf("%s: %+v, %+v, %v", name, m, cache, err)
		}
		if c.says != "" && (!errors.Is(err, plan.ErrTooLarge) || exitCode(err) != control.ExitModelTooLarge || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, the error should say %q", name, err, c.says)
		}
	}

	m, cache, err := planGPU(0, 79*gib, 80*gib, seven, 1<<50)
	if err != nil || cache.bytes != 58*gib || m.Spare != 3*gib || m.Overhead != gib {
		t.Errorf("80 GiB, 1 of them taken: 79 - 16 - 5 = 58 for the cache: %+v, %+v, %v", m, cache, err)
	}
	for _, asked := range []int64{0, gib} {
		if _, _, err := planGPU(asked, 15*gib, 16*gib, seven, 1<<50); !errors.Is(err, plan.ErrTooLarge) {
			t.Errorf("16 GiB of weights on 16 GiB: %v", err)
		}
	}
}

func TestServeSaysHowTheMemoryIsDivided(t *testing.T) {
	s := serveTiny(t)
	defer s.stop()
	if line := s.log.await(t, `"memory planned"`); !strings.Contains(line, "kvBytesPerToken=8192") || !strings.Contains(line, "kvCache=67108864") {
		t.Error(line)
	}
	if _, _, metrics := s.call("GET", s.api+"/metrics", ""); !strings.Contains(metrics, `aircache_memory_plan_bytes{part="kv_cache"} 6.7108864e+07`) {
		t.Error("the plan is not published")
	}
}
