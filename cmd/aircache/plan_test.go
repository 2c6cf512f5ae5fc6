package main

import (
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/control"
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

func TestServeRefusesEarlyWhatDoesNotFit(t *testing.T) {
	_, err := execute("serve", "--model", tinyModel, "--addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0", "--backend", "cpu", "--kv-cache-bytes", "1125899906842624")
	if err == nil || exitCode(err) != control.ExitModelTooLarge || !strings.Contains(err.Error(), "KV cache 1125899.91 GB") {
		t.Errorf("code %d, %v", exitCode(err), err)
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
