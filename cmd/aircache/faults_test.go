package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aircache.dev/aircache/runtime/control"
)

// asProgram makes the tests' binary the program itself: a process of its own, whose exit status and C library are its own.
const asProgram = "AIRCACHE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// small is a model that the simulated GPU runs in no time.
const small = "../../runtime/parity/testdata/llava-onevision-64/model"

// simulatedGPU is the library of cuda/simt, whose device fails as AIRCACHE_SIMT_FAULT says.
func simulatedGPU(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/cuda/simt/libaircache_cuda.so")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("there is no simulated GPU (`make cuda-check` builds it): %v", err)
	}
	return path
}

// program is aircache with a simulated GPU, as a process.
func program(ctx context.Context, library, fault string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "AIRCACHE_CUDA_LIBRARY="+library, "AIRCACHE_SIMT_FAULT="+fault)
	return cmd
}

func TestAGPUThatWillNotDoEndsTheProcessWithNeedAndHave(t *testing.T) {
	library := simulatedGPU(t)
	foreign := write(t, "libaircache_cuda.so", "no library")
	for name, c := range map[string]struct {
		library, fault, model string
		exit                  int
		says                  []string
	}{
		"no library":           {"/no/such.so", "", tinyModel, 1, []string{"--backend is cuda", "/no/such.so: no such file"}},
		"a corrupt library":    {foreign, "", tinyModel, 1, []string{"--backend is cuda", "opening the CUDA library", foreign}},
		"no driver":            {library, "driver=0", tinyModel, 1, []string{"--backend is cuda", "there is no NVIDIA driver on this machine"}},
		"an old driver":        {library, "driver=12080", tinyModel, 1, []string{"the NVIDIA driver offers CUDA 12.8, CUDA 13.0 is needed: update the driver"}},
		"no GPU":               {library, "gpus=0", tinyModel, 1, []string{"the driver shows no GPU: no CUDA-capable device is detected"}},
		"an old GPU":           {library, "capability=75", tinyModel, 1, []string{"has compute capability 7.5, 8.0 is needed"}},
		"no room for weights":  {library, "memory=16", tinyModel, control.ExitModelTooLarge, []string{"planning the memory", "the model does not fit: its weights alone need ", " bytes more than the GPU has free", "weights 0.02 GB"}},
		"no room for a cache":  {library, "memory=12", small, control.ExitModelTooLarge, []string{"deriving the KV cache's size", "at least 16777216 are needed: the model needs a larger GPU"}},
		"no room for a prompt": {library, "memory=96", small, 1, []string{"activations of a prompt of 32768 tokens and a step of", "beside the KV cache of", "GiB are needed, ", "GiB are free on the GPU"}},
		"small heads":          {library, "", "../../runtime/parity/testdata/llava-onevision/model", 1, []string{"2 heads of 16 values: the CUDA backend attends in a picture by heads of [64 72 80 128] values"}},
		"the decoder's heads":  {library, "", reshaped(t), 1, []string{"the attention kernels have head dims 64 and 128, the model has 32"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			out, err := program(ctx, c.library, c.fault, "serve", "--backend", "cuda", "--model", c.model, "--addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0").CombinedOutput()
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != c.exit {
				t.Errorf("the process ended with %v, exit status %d is wanted", err, c.exit)
			}
			for _, says := range c.says {
				if !strings.Contains(string(out), says) {
					t.Errorf("the output should say %q:\n%s", says, out)
				}
			}
		})
	}
}

// reshaped is a model folder whose decoder has as many values as before in heads of 32, which no kernel takes.
func reshaped(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(small)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "config.json")
	var config map[string]any
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &config)
	}
	if err != nil {
		t.Fatal(err)
	}
	text := config["text_config"].(map[string]any)
	text["num_attention_heads"], text["num_key_value_heads"], text["head_dim"] = 8, 4, 32
	if content, err = json.Marshal(config); err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Where nobody asked for a GPU, the CPU serves, and the log says why.
func TestAutoTakesTheCPUWhereNoGPUCanBeUsed(t *testing.T) {
	library := simulatedGPU(t)
	for fault, says := range map[string]string{
		"driver=0":     "there is no NVIDIA driver on this machine",
		"driver=12080": "offers CUDA 12.8, CUDA 13.0 is needed",
		"gpus=0":       "the driver shows no GPU",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := program(ctx, library, fault, "generate", "--verbose", "--backend", "auto", "--model", tinyModel, "--prompt", "hello", "--max-tokens", "1").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "no GPU is used") || !strings.Contains(string(out), says) {
			t.Errorf("%s: %v, the log should say %q:\n%s", fault, err, says, out)
		}
	}
}

// A device that dies takes the process with it: Kubernetes starts another, which may get another GPU.
func TestAGPUThatDiesEndsTheProcess(t *testing.T) {
	deadly := filepath.Join(t.TempDir(), "dies")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	log := newLog()
	cmd := program(ctx, simulatedGPU(t), "dies="+deadly, "serve", "--backend", "cuda", "--model", small, "--served-name", "small",
		"--addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0", "--log-format", "text", "--kv-cache-bytes", "33554432", "--max-running", "2", "--max-model-len", "256")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	api := "http://" + field(log.await(t, "listening"), "api")
	log.await(t, "ready")
	if err := os.WriteFile(deadly, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(words int) int {
		body, err := json.Marshal(map[string]any{"model": "small", "max_tokens": 4, "messages": []map[string]string{{"role": "user", "content": strings.Repeat("box ", words)}}})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post(api+"/v1/chat/completions", "application/json", bytes.NewReader(body))
		if err != nil {
			return 0 // the process was faster than its answer
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if status := ask(400); status != http.StatusBadRequest {
		t.Errorf("a prompt that is too long is answered %d: it must be refused before the device sees it", status)
	}
	if status := ask(2); status == http.StatusOK {
		t.Error("a dead GPU answered")
	}
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("the process ended with %v, exit status 1 is wanted", err)
	}
	for _, says := range []string{"level=ERROR", "msg=ending", "the GPU failed", "an illegal memory access was encountered (CUDA error 700)"} {
		if !strings.Contains(log.all(), says) {
			t.Errorf("the log should say %q:\n%s", says, log.all())
		}
	}
}
