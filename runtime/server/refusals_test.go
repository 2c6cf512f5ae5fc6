package server

import (
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"aircache.dev/aircache/runtime/engine"
)

func TestRefusals(t *testing.T) {
	question := func(content string) string {
		return `{"model":"tiny","messages":[{"role":"user","content":` + content + `}]}`
	}
	dataURL := func(base64 string) string {
		return `[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + base64 + `"}}]`
	}
	for _, c := range []struct {
		name, method, path, body string
		engine                   error
		status                   int
		param, code, says        string
	}{
		{name: "broken JSON", body: `{`, status: 400, code: "invalid_json"},
		{name: "a field's wrong value", body: `{"model":"tiny","temperature":9,"messages":[{"role":"user","content":"x"}]}`, status: 400, param: "temperature", code: "invalid_value", says: "from 0 to 2"},
		{name: "another model", body: `{"model":"gpt-4o","messages":[{"role":"user","content":"x"}]}`, status: 404, param: "model", code: "model_not_found", says: `serves "tiny"`},
		{name: "an http picture", body: question(`[{"type":"image_url","image_url":{"url":"http://169.254.169.254/"}}]`), status: 400, param: "messages[0].content[0].image_url.url", code: "invalid_image", says: "this server fetches no pictures"},
		{name: "a picture that cannot be decoded", body: question(dataURL("YmFk")), status: 400, param: "messages[0].content[0].image_url.url", code: "invalid_image", says: "no known format"},
		{name: "a picture that is not base64", body: question(dataURL("*")), status: 400, param: "messages[0].content[0].image_url.url", code: "invalid_image", says: "base64"},
		{name: "five pictures where four are allowed", body: question(`[` + strings.Repeat(picture+",", 4) + picture + `]`), status: 400, param: "messages", code: "invalid_value", says: "at most 4"},
		{name: "a picture's mark in the text", body: question(`"see ▣ here"`), status: 400, param: "messages", code: "invalid_value", says: "image_url"},
		{name: "a prompt over the context", body: question(`"` + strings.Repeat("x", 200) + `"`), status: 400, param: "messages", code: "context_length_exceeded", says: "206 tokens"},
		{name: "a text that no encoding makes fit", body: question(`"` + strings.Repeat("x", 801) + `"`), status: 400, param: "messages", code: "context_length_exceeded", says: "801 bytes"},
		{name: "a body over the limit", body: question(`"` + strings.Repeat("x", 1<<16) + `"`), status: 413, code: "request_too_large", says: "65536 bytes"},
		{name: "the engine's limit", body: question(`"x"`), engine: &engine.LimitError{Param: "max_tokens", Limit: 5, Got: 6}, status: 400, param: "max_tokens"},
		{name: "a full queue", body: question(`"x"`), engine: engine.ErrQueueFull, status: 503, code: "queue_full"},
		{name: "an engine that drains", body: question(`"x"`), engine: engine.ErrDraining, status: 503, code: "draining"},
		{name: "an engine that fails", body: question(`"x"`), engine: errors.New("at 0xdeadbeef"), status: 500, code: "internal_error"},
		{name: "an unknown route", path: "/v1/embeddings", body: `{}`, status: 404, code: "not_found", says: "POST /v1/embeddings"},
		{name: "an unknown route outside v1", method: "GET", path: "/", status: 404, code: "not_found"},
		{name: "a wrong method", method: "GET", status: 405, code: "method_not_allowed", says: "POST"},
		{name: "a wrong method on a probe", method: "PUT", path: "/livez", status: 405, code: "method_not_allowed"},
		{name: "an unknown model's description", method: "GET", path: "/v1/models/org/other", status: 404, param: "model", code: "model_not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.engine.submitErr = c.engine
			if c.method == "" {
				c.method = "POST"
			}
			if c.path == "" {
				c.path = "/v1/chat/completions"
			}
			g := w.do(c.method, c.path, c.body)
			e := g.err(t)
			param := ""
			if e.Param != nil {
				param = *e.Param
			}
			if g.status != c.status || param != c.param || c.code != "" && e.Code != c.code || !strings.Contains(e.Message, c.says) || e.Type == "" {
				t.Errorf("got %d %s", g.status, g.body)
			}
			if (g.header.Get("Retry-After") != "") != (c.status == 503) {
				t.Errorf("Retry-After %q with status %d", g.header.Get("Retry-After"), g.status)
			}
			if strings.Contains(g.body, "0xdeadbeef") {
				t.Errorf("the cause leaked: %s", g.body)
			}
			if ok := w.do("GET", "/livez", ""); ok.status != 200 {
				t.Errorf("the process did not live on: %d", ok.status)
			}
		})
	}
}

func TestAServerWithoutAModelIsAliveAndNotReady(t *testing.T) {
	w := newWorld(t)
	w.server.model.Store(nil)
	w.state.Loading("loading weights from /model")
	if g := w.do("GET", "/livez", ""); g.status != 200 {
		t.Errorf("/livez %d", g.status)
	}
	if g := w.do("GET", "/readyz", ""); g.status != 503 || !strings.Contains(g.body, "loading weights from /model") {
		t.Errorf("/readyz %d %s", g.status, g.body)
	}
	if g := w.ask(""); g.status != 503 || g.err(t).Code != "loading" || g.header.Get("Retry-After") != "5" {
		t.Errorf("a question: %d %s", g.status, g.body)
	}
	if g := w.do("GET", "/metrics", ""); g.status != 200 {
		t.Errorf("/metrics %d", g.status)
	}
}

func TestAPanicStaysInItsRequest(t *testing.T) {
	w := newWorld(t)
	boom := `{"model":"tiny","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,Ym9vbQ=="}}]}]}`
	for range 3 * cap(w.server.workers.slots) { // a slot that is not given back would block the fourth
		g := w.do("POST", "/v1/chat/completions", boom)
		if e := g.err(t); g.status != 500 || !strings.Contains(e.Message, "id-1") || strings.Contains(g.body, "decoder's bug") {
			t.Fatalf("got %d %s", g.status, g.body)
		}
	}
	w.ask("").completion(t)
	if g := w.do("GET", "/metrics", ""); !strings.Contains(g.body, "aircache_panics_total ") || strings.Contains(g.body, "aircache_panics_total 0") {
		t.Error("the panics were not counted")
	}
}

func TestThePreparationQueueIsBounded(t *testing.T) {
	hold := make(chan struct{})
	w := newWorld(t, func(o *Options, m *Model) { m.Pictures = fakePictures{hold} })
	body := `{"model":"tiny","messages":[{"role":"user","content":[` + picture + `]}]}`
	fits := cap(w.server.workers.slots) + 1 // one may wait
	done := make(chan got, fits)
	for range fits {
		go func() { done <- w.do("POST", "/v1/chat/completions", body) }()
	}
	for w.server.workers.waiting.Load() < int64(fits) {
		runtime.Gosched()
	}
	if g := w.do("POST", "/v1/chat/completions", body); g.status != 503 || g.err(t).Code != "queue_full" || g.header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", g.status, g.body)
	}
	close(hold)
	for range fits {
		if g := <-done; g.status != 200 {
			t.Errorf("one that fitted: %d %s", g.status, g.body)
		}
	}
}

func TestAPIKey(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *Model) { o.Keys = NewKeys([]string{"first-key", "second-key"}) })
	for _, c := range []struct {
		name, path, authorization string
		status                    int
	}{
		{"no key", "/v1/models", "", 401},
		{"a wrong key", "/v1/models", "Bearer other", 401},
		{"another scheme", "/v1/models", "Basic first-key", 401},
		{"an empty key", "/v1/models", "Bearer ", 401},
		{"the first key", "/v1/models", "Bearer first-key", 200},
		{"the second key, while keys rotate", "/v1/models", "bearer second-key", 200},
		{"a probe needs none", "/readyz", "", 200},
		{"a scrape needs none", "/metrics", "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := w.do("GET", c.path, "", "Authorization", c.authorization)
			if g.status != c.status {
				t.Errorf("got %d %s", g.status, g.body)
			}
			if c.status == http.StatusUnauthorized && (g.err(t).Code != "invalid_api_key" || strings.Contains(g.body, "other")) {
				t.Errorf("got %s", g.body)
			}
		})
	}
}

// The engine hears who asks, so that tenants share no cache and wait fairly; but no key.
func TestTheEngineHearsWhoAsks(t *testing.T) {
	w := newWorld(t, func(o *Options, _ *Model) { o.Keys = NewKeys([]string{"first-key", "second-key"}) })
	tenants := map[string]int{}
	for i, key := range []string{"first-key", "second-key", "first-key"} {
		w.do("POST", "/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"What?"}]}`, "Authorization", "Bearer "+key)
		tenant := w.engine.request(i).Tenant
		if tenants[tenant]++; tenant == "" || strings.Contains(tenant, "key") {
			t.Errorf("the engine hears %q", tenant)
		}
	}
	if len(tenants) != 2 {
		t.Errorf("two keys are %d tenants", len(tenants))
	}
}

func TestModels(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"/v1/models":      `"data":[{"id":"tiny","object":"model"`,
		"/v1/models/tiny": `{"id":"tiny","object":"model"`,
	} {
		if g := w.do("GET", path, ""); g.status != 200 || !strings.Contains(g.body, want) || !strings.Contains(g.body, `"max_model_len":200`) {
			t.Errorf("%s: %d %s", path, g.status, g.body)
		}
	}
}
