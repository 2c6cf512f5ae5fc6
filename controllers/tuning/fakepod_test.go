package tuning

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"aircache.dev/aircache/controllers/testkit"
	"aircache.dev/aircache/runtime/control"
)

// fakePod answers like a runtime pod; its load is set by the story.
type fakePod struct {
	*httptest.Server
	own  control.Bounds
	keys control.Keyring

	mu      sync.Mutex
	applied control.Ack
	usage   float64
	done    float64 // requests
	recall  bool    // there is a recall curve: 0.8 at 50 %, in a straight line to 1
	tried   float64 // requests of a trial, each compared; they agree in trialed of the next tokens, and where that is below 0.97 each is worse
	trialed float64
	agreed  float64 // of the next tokens of each, compared with the whole cache; 0: nothing is compared
	down    bool
	deaf    bool          // to directives
	hang    chan struct{} // not nil: metrics wait until it is closed
	scrapes int
	puts    int
}

func newFakePod(t *testing.T, uid, pool string) *fakePod {
	p := &fakePod{keys: testkit.Keyring(testkit.Keys()), own: control.Bounds{UID: uid, Pool: pool, FloorPermille: 100, CeilingPermille: 1000}, usage: 0.3}
	p.applied.TargetPermille = 1000
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", p.metrics)
	mux.HandleFunc("PUT /v1/tuning", p.tune)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// set changes the pod between two rounds.
func (p *fakePod) set(change func(*fakePod)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *fakePod) get() (applied control.Ack, scrapes, puts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied, p.scrapes, p.puts
}

// restart is a new process: its counters and its tuning start anew.
func (p *fakePod) restart() {
	p.set(func(p *fakePod) { p.applied, p.done = control.Ack{TargetPermille: 1000}, 0 })
}

func (p *fakePod) metrics(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	hang := p.hang
	p.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scrapes++
	if p.down {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	p.done += 10
	fmt.Fprintf(w, `vllm:num_requests_running 4
vllm:num_requests_waiting 0
vllm:kv_cache_usage_perc %[1]g
aircache_kv_usage_peak_ratio %[1]g
aircache_retention_permille %[2]d
aircache_tuning_epoch %[3]d
aircache_tuning_revision %[4]d
vllm:request_success_total %[5]g
aircache_text_tokens_prefilled_total %[6]g
aircache_visual_tokens_seen_total %[7]g
aircache_visual_tokens_kept_total %[8]g
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{le="0.4"} 0
vllm:time_to_first_token_seconds_bucket{le="0.5"} %[5]g
vllm:time_to_first_token_seconds_bucket{le="+Inf"} %[5]g
vllm:time_to_first_token_seconds_sum 1
vllm:time_to_first_token_seconds_count %[5]g
# TYPE aircache_applied_recall histogram
aircache_applied_recall_bucket{le="+Inf"} %[5]g
aircache_applied_recall_sum %[9]g
aircache_applied_recall_count %[5]g
aircache_gpu_info{product="CPU"} 1
`, p.usage, p.applied.TargetPermille, p.applied.Epoch, p.applied.Revision,
		p.done, 20*p.done, 80*p.done, 80*p.done*float64(p.applied.TargetPermille)/1000, 0.93*p.done)
	fmt.Fprintf(w, "aircache_canary_retention_permille %d\naircache_canary_share_permille %d\n", p.applied.CandidatePermille, p.applied.CanaryPermille)
	if p.recall {
		fmt.Fprintf(w, `# TYPE aircache_recall histogram
aircache_recall_bucket{retention_percent="50",le="0.75"} 0
aircache_recall_bucket{retention_percent="50",le="0.8"} %[1]g
aircache_recall_bucket{retention_percent="50",le="+Inf"} %[1]g
aircache_recall_sum{retention_percent="50"} %[2]g
aircache_recall_count{retention_percent="50"} %[1]g
`, p.done, 0.8*p.done)
	}
	if p.trialed > 0 {
		p.trial(w)
	}
	if p.agreed > 0 {
		fmt.Fprintf(w, `aircache_shadow_steps_total %[1]g
aircache_shadow_steps_agreed_total %[2]g
# TYPE aircache_agreement histogram
aircache_agreement_bucket{le="+Inf"} %[3]g
aircache_agreement_sum %[4]g
aircache_agreement_count %[3]g
`, 16*p.done, 16*p.agreed*p.done, p.done, p.agreed*p.done)
	}
}

func (p *fakePod) trial(w http.ResponseWriter) {
	worse := 0.
	if p.applied.CandidatePermille > 0 {
		p.tried += 2
	}
	if p.trialed < 0.97 {
		worse = p.tried
	}
	fmt.Fprintf(w, `aircache_arm_requests_total{arm="canary"} %[1]g
aircache_canary_pairs_total{candidate="worse"} %[4]g
aircache_shadow_steps_total{arm="canary"} %[2]g
aircache_shadow_steps_agreed_total{arm="canary"} %[3]g
# TYPE aircache_agreement histogram
aircache_agreement_bucket{arm="canary",le="+Inf"} %[1]g
aircache_agreement_sum{arm="canary"} %[1]g
aircache_agreement_count{arm="canary"} %[1]g
`, p.tried, 16*p.tried, 16*p.tried*p.trialed, worse)
}

func (p *fakePod) tune(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.puts++
	if p.deaf {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	p.applied = testkit.Tune(w, r, p.keys, p.own, p.applied)
}
