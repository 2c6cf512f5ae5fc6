package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/server"
)

// execute runs the command line as a user would.
func execute(args ...string) (string, error) {
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.Execute()
	return out.String(), err
}

func TestBadFlagsNameTheFieldAndTheLimit(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"serve", "--model is required"},
		{"serve --model m --backend tpu", `--backend is "tpu", it must be auto or cpu or cuda`},
		{"serve --model m --policy poetry", `--policy: reading policy "poetry": policy "poetry" is not known, there are Full, Random`},
		{"serve --model m --policy AirCache+beta=1", `option "beta" is not known, there are alpha`},
		{"generate --model m --prompt x --policy SnapKV+alpha=0.5", "SnapKV takes no options"},
		{"serve --model m --layer-budget x", `--layer-budget: layerBudget is "x", it must be one of`},
		{"serve --model m --blas mkl", `--blas is "mkl", it must be auto or openblas or builtin`},
		{"serve --model m --threads 1025", "--threads is 1025, it must be from 0 to 1024"},
		{"serve --model m --prefill-chunk 0", "--prefill-chunk is 0, it must be from 1 to 1048576"},
		{"generate --model m --prompt x --prefill-chunk 1048577", "--prefill-chunk is 1048577, it must be from 1 to 1048576"},
		{"bench --shape llava-onevision-7b --prefill-chunk -1", "--prefill-chunk is -1, it must be from 1 to 1048576"},
		{"serve --model m --retention-permille 0", "--retention-permille is 0, it must be from 1 to 1000"},
		{"serve --model m --retention-permille 50", "--retention-permille is 50, it must be from 100 to 1000"},
		{"serve --model m --retention-floor-permille 0", "--retention-floor-permille is 0"},
		{"serve --model m --retention-floor-permille 300 --retention-ceiling-permille 200", "--retention-ceiling-permille is 200, it must be from 300 to 1000"},
		{"serve --model m --kv-cache-bytes -1", "--kv-cache-bytes is -1"},
		{"serve --model m --watchdog-seconds -1", "--watchdog-seconds is -1, it must be from 0 to 86400"},
		{"serve --model m --multi-turn Forget", `--multi-turn is "Forget", it must be Recompute or Keep or OffloadFull`},
		{"serve --model m --multi-turn OffloadFull --prefix-cache=false", "--multi-turn OffloadFull keeps what --prefix-cache keeps, which is off"},
		{"serve --model m --offload-bytes 1", "--offload-bytes is 1, it must be from 1048576 to 1099511627776"},
		{"serve --model m --promised-answer-tokens -1", "--promised-answer-tokens is -1, it must be from 0 to 1048576"},
		{"serve --model m --swap-bytes -1", "--swap-bytes is -1"},
		{"serve --model m --vision-cache-bytes -2", "--vision-cache-bytes is -2, it must be from -1 to 1099511627776"},
		{"serve --model m --max-model-len -1", "--max-model-len is -1"},
		{"serve --model m --max-images 0", "--max-images is 0, it must be from 1 to 1024"},
		{"serve --model m --max-image-pixels -1", "--max-image-pixels"},
		{"serve --model m --max-queue 0", "--max-queue is 0"},
		{"serve --model m --shadow-sample-permille 1001", "--shadow-sample-permille is 1001"},
		{"serve --model m --max-running 0", "--max-running is 0"},
		{"serve --model m --drain-seconds -1", "--drain-seconds is -1"},
		{"serve --model m --shutdown-linger-seconds -1", "--shutdown-linger-seconds is -1, it must be from 0 to 3600"},
		{"serve --model m --max-request-bytes 1", "--max-request-bytes is 1"},
		{"serve --model m --picture-urls all", `--picture-urls is "all", it must be public or none`},
		{"serve --model m --picture-domains *.example.com", `--picture-domains: "*.example.com" is no domain`},
		{"serve --model m --picture-networks 10.0.0.1", `--picture-networks: "10.0.0.1" is no network`},
		{"serve --model m --picture-urls none --picture-networks 10.0.0.0/8", "--picture-networks is set, but --picture-urls none fetches nothing"},
		{"serve --model m --picture-timeout-seconds 0", "--picture-timeout-seconds is 0, it must be from 1 to 60"},
		{"serve --model m --tls-cert-file c", "--tls-cert-file and --tls-key-file go together"},
		{"serve --model m --max-requests-per-key 4", "--max-requests-per-key needs --api-key-file"},
		{"serve --model m --max-requests-per-key -1", "--max-requests-per-key is -1, it must be from 0 to 65536"},
		{"serve --model m --addr 8000", `--addr is "8000", it must be host:port`},
		{"serve --model m --control-addr x", "--control-addr"},
		{"serve --model m --log-level loud", "--log-level"},
		{"serve --model m --log-format xml", "--log-format"},
		{"serve --model m --tuning-public-key x", `--tuning-public-key: public key "x" is not base64`},
		{"serve --model m --tuning-public-key AAAA", `--tuning-public-key: public key "AAAA" has 3 bytes, an Ed25519 key has 32`},
		{"serve --model m --tuning-public-key AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= --pool cpu", "--tuning-public-key needs --deployment-uid and --pool"},
		{"serve --model m --no-such-flag", "unknown flag: --no-such-flag"},
		{"serve --model m --threads many", `--threads is "many", which is no int: threads of the CPU backend, 0 to 1024`},
		{"serve --model m --retention-permille 99999999999", `--retention-permille is "99999999999", which is no int32: share of a picture's KV cache to keep, in permille, 1 to 1000`},
		{"serve extra", `"extra"`},
		{"serve --model m --api-key-file /does/not/exist", "reading --api-key-file"},
		{"generate --prompt x", "--model is required"},
		{"generate --model m", "--prompt is required"},
		{"generate --model m --prompt x --max-tokens 0", "--max-tokens is 0, it must be from 1 to"},
		{"generate --model m --prompt x --image /does/not/exist", "reading --image"},
	} {
		if _, err := execute(strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("aircache %s: got %v, want ...%s...", c.args, err, c.says)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	if out, err := execute("version"); err != nil || !strings.HasPrefix(out, "aircache devel go") {
		t.Errorf("got %q, %v", out, err)
	}
	out, err := execute("serve", "--help")
	for _, says := range []string{"--retention-floor-permille", "in permille, 1 to 1000", "in seconds, 0 to 86400", "Retry-After", "Full, Random, Streaming", "AirCache+alpha=0.7"} {
		if err != nil || !strings.Contains(out, says) {
			t.Errorf("%q is not in the help: %v", says, err)
		}
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadKeys(t *testing.T) {
	keys, err := readKeys(write(t, "keys", "# rotated in May\nfirst\n\n  second  \n"))
	if err != nil || strings.Join(keys, "|") != "first|second" {
		t.Errorf("got %q, %v", keys, err)
	}
	if _, err := readKeys(write(t, "keys", "# nothing\n\n")); err == nil {
		t.Error("a file without a key opened the server")
	}
	if keys, err := readKeys(""); keys != nil || err != nil {
		t.Errorf("no file: got %q, %v", keys, err)
	}
}

func TestReadDefaults(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       server.Defaults
		says       string
	}{
		{"greedy as the author says", `{"do_sample":false,"temperature":0.7,"max_new_tokens":64,"eos_token_id":[1]}`, server.Defaults{TopP: 1, MaxTokens: 64}, ""},
		{"sampled as the author says", `{"do_sample":true,"temperature":0.7,"top_p":0.8,"top_k":20}`, server.Defaults{Temperature: .7, TopP: .8, TopK: 20}, ""},
		{"OpenAI's where the file is silent", `{}`, server.Defaults{Temperature: 1, TopP: 1}, ""},
		{"a temperature over the limit", `{"temperature":5}`, server.Defaults{}, "temperature is 5"},
		{"a negative length", `{"max_new_tokens":-1}`, server.Defaults{}, "max_new_tokens is -1"},
		{"broken JSON", `{`, server.Defaults{}, "reading generation_config.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readDefaults(filepath.Dir(write(t, "generation_config.json", c.file)))
			if c.says == "" && (err != nil || got != c.want) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if got, err := readDefaults(t.TempDir()); err != nil || got.Temperature != 1 {
		t.Errorf("without a file: got %+v, %v", got, err)
	}
}

func TestThePolicyIsReadFromTwoFlags(t *testing.T) {
	for _, c := range []struct{ policy, layerBudget, name string }{
		{"aircache", "", "AirCache"},
		{"AirCache+alpha=0.5", "Uniform", "AirCache+alpha=0.5"},
		{"AirCache+layerBudget=Pyramid", "Uniform", "AirCache+layerBudget=Pyramid"},
		{"tgv", "Uniform", "TGV"},
	} {
		f := modelFlags{policy: c.policy, layerBudget: c.layerBudget}
		policy, name, err := f.cachePolicy()
		if err != nil || name != c.name {
			t.Errorf("%+v: %q, %v", c, name, err)
		}
		a, isAirCache := policy.(compress.AirCache)
		if want := map[string]compress.LayerBudget{"aircache": compress.Defaults().LayerBudget, "AirCache+alpha=0.5": compress.Uniform, "AirCache+layerBudget=Pyramid": compress.Pyramid}[c.policy]; isAirCache && a.Options.LayerBudget != want {
			t.Errorf("%+v shares by %s, want %s", c, a.Options.LayerBudget, want)
		}
	}
}
