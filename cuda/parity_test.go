package cuda_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/compress"
	"aircache.dev/aircache/runtime/control"
	"aircache.dev/aircache/runtime/engine"
	"aircache.dev/aircache/runtime/model"
)

// lost is the lead of the CPU's token over the next, in logits, below which a bfloat16 answer may take another: each of the two
// logits may be off by what [logitTolerance] allows of a range of about 32.
const lost = 2 * 32 * logitTolerance

// answer is what the engine answers, and how far every token led the next likely one where that was asked for.
type answer struct {
	Tokens []int32   `json:"tokens"`
	Leads  []float32 `json:"leads,omitempty"`
}

// answers asks all questions at once, so that steps have many sequences.
func answers(t *testing.T, device backend.Backend, asked []engine.Request, permille int32) []answer {
	t.Helper()
	llava, err := model.Load(filepath.Join(cuda.Root(), tinyModel), device)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(llava, engine.Options{Policy: compress.AirCache{Options: compress.Defaults()}, RetentionPermille: permille,
		Bounds: control.Bounds{FloorPermille: 1, CeilingPermille: 1000}, KVBytes: 256 << 20, MaxQueue: len(asked), MaxRunning: 16,
		Clock: time.Now, Seed: func() uint64 { return 1 }, Recorder: engine.Discard{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { e.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	var handles []*engine.Handle
	for _, r := range asked {
		h, err := e.Submit(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	var all []answer
	for i, h := range handles {
		var a answer
		for event := range h.Events() {
			switch event.Finish {
			case "":
				a.Tokens = append(a.Tokens, event.Token)
				if len(event.Top) == 2 {
					a.Leads = append(a.Leads, event.Top[0].LogProb-event.Top[1].LogProb)
				}
			case engine.FinishStop, engine.FinishLength:
			default:
				t.Fatalf("answer %d ended with %s: %v", i, event.Finish, event.Err)
			}
		}
		all = append(all, a)
	}
	return all
}

// TestTheTinyModelAnswersAsOnTheCPU asks greedily, with the whole cache and with a tenth of it. bfloat16 turns an answer over
// where two tokens are about as likely; that may happen to one in fifty, and nowhere else.
func TestTheTinyModelAnswersAsOnTheCPU(t *testing.T) {
	for name, path := range cuda.Devices(t) {
		n, retentions := total, []int32{1000, 100}
		if name == "simulated" {
			n, retentions = 1, retentions[1:] // 10 s of processor time each
		}
		if set, err := strconv.Atoi(os.Getenv("AIRCACHE_PARITY_QUESTIONS")); err == nil {
			n = min(set, total)
		}
		asked := requests(t, n)
		for _, permille := range retentions {
			t.Run(name+" at "+strconv.Itoa(int(permille)), func(t *testing.T) { compare(t, path, asked, permille) })
		}
	}
}

func compare(t *testing.T, path string, asked []engine.Request, permille int32) {
	want := expected(t, asked, permille)
	device, err := cuda.Open(cuda.Options{Library: path})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	got := answers(t, device, asked, permille)
	differ, ties := 0, 0
	for i := range asked {
		at := parts(got[i].Tokens, want[i].Tokens)
		if at < 0 {
			continue
		}
		differ++
		lead := float32(math.Inf(1))
		if at < len(want[i].Leads) {
			lead = want[i].Leads[at]
		}
		t.Logf("question %d parts at token %d, where the CPU's led by %.3f: %v, on the CPU %v", i, at, lead, got[i].Tokens, want[i].Tokens)
		if lead < lost {
			ties++
		}
	}
	t.Logf("%s: %d of %d answers differ at %d permille, %d of them where two tokens are closer than %.2f, %v", device.Name(), differ, len(asked), permille,
		ties, lost, time.Since(start).Round(time.Millisecond))
	if differ > ties || differ*50 > len(asked) {
		t.Errorf("%d of %d answers differ from the CPU's, %d of them although one token was clearly likelier", differ, len(asked), differ-ties)
	}
	if err := device.Close(); err != nil {
		t.Error(err)
	}
}

// parts is the first token in which two answers differ, -1 if they are equal.
func parts(a, b []int32) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) == len(b) {
		return -1
	}
	return min(len(a), len(b))
}

// expected are the CPU's answers. They take it minutes: AIRCACHE_PARITY_ANSWERS names a file that has them, made where processor time is
// cheaper than on a machine with a GPU. The file belongs to one commit.
func expected(t *testing.T, asked []engine.Request, permille int32) []answer {
	t.Helper()
	kept, name := map[int32][]answer{}, os.Getenv("AIRCACHE_PARITY_ANSWERS")
	if name == "" {
		return onTheCPU(t, asked, permille, 0)
	}
	content, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(content, &kept)
	}
	if err != nil || len(kept[permille]) < len(asked) {
		t.Fatalf("%s has %d answers at %d permille, %d are asked for: %v", name, len(kept[permille]), permille, len(asked), err)
	}
	return kept[permille][:len(asked)]
}

func onTheCPU(t *testing.T, asked []engine.Request, permille int32, threads int) []answer {
	t.Helper()
	host, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	asked = slices.Clone(asked)
	for i := range asked {
		asked[i].Sampling.TopLogProbs = 2
	}
	return answers(t, host, asked, permille)
}

// TestTheCPUsAnswersAreKept writes the file for a machine with a GPU: both retentions at once, a processor each.
func TestTheCPUsAnswersAreKept(t *testing.T) {
	name := os.Getenv("AIRCACHE_PARITY_KEEP")
	if name == "" {
		t.Skip("AIRCACHE_PARITY_KEEP names no file")
	}
	asked, retentions := requests(t, total), []int32{1000, 100}
	all := make([][]answer, len(retentions))
	t.Run("answers", func(t *testing.T) {
		for i, permille := range retentions {
			t.Run(strconv.Itoa(int(permille)), func(t *testing.T) {
				t.Parallel()
				all[i] = onTheCPU(t, asked, permille, 1)
			})
		}
	})
	content, err := json.Marshal(map[int32][]answer{retentions[0]: all[0], retentions[1]: all[1]})
	if err == nil {
		err = os.WriteFile(name, content, 0o644)
	}
	if err != nil {
		t.Fatalf("keeping the answers: %v", err)
	}
}
