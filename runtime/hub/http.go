package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const maxRedirects = 10

// newClient takes the environment's proxies. There is no limit on a whole answer: one may be gigabytes; stalled ones are cut
// elsewhere.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	tune(transport)
	return &http.Client{Transport: transport}
}

func tune(t *http.Transport) {
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxIdleConnsPerHost = 32
}

// withTokenPolicy keeps the token at the host that it was given for. net/http would also show it to subdomains, and the Hub
// sends large files to other hosts with a signature of their own.
func withTokenPolicy(c *http.Client) *http.Client {
	copied := *c
	copied.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		first := via[0].URL
		switch {
		case len(via) >= maxRedirects:
			return permanent("%s redirects more than %d times", first.Redacted(), maxRedirects)
		case first.Scheme == "https" && r.URL.Scheme != "https":
			return permanent("%s redirects to %s, which is not encrypted", bare(first), bare(r.URL))
		case r.URL.Scheme != first.Scheme || r.URL.Host != first.Host:
			r.Header.Del("Authorization")
		}
		return nil
	}
	return &copied
}

// bare is an address without what may be secret in it: a signature stands in the query.
func bare(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// do sends a request and gives an answer whose status is one of ok; otherwise its body is closed and the error says why.
func (h *hugging) do(r *http.Request, ok ...int) (*http.Response, error) {
	if h.options.Token != "" {
		r.Header.Set("Authorization", "Bearer "+h.options.Token)
	}
	r.Header.Set("User-Agent", "aircache")
	r.Header.Set("Accept-Encoding", "identity") // ranges are of the bytes themselves
	answer, err := h.client.Do(r)
	if err != nil {
		return nil, withoutQuery(err)
	}
	for _, code := range ok {
		if answer.StatusCode == code {
			return answer, nil
		}
	}
	defer answer.Body.Close()
	return nil, h.explain(r, answer)
}

// withoutQuery takes signatures out of the address that net/http puts into its errors.
func withoutQuery(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		if at, parseErr := url.Parse(failed.URL); parseErr == nil {
			failed.URL = bare(at)
		}
	}
	return err
}

// explain adds what a user can do about it.
func (h *hugging) explain(r *http.Request, answer *http.Response) error {
	e := &statusError{what: r.Method + " " + bare(r.URL), code: answer.StatusCode, message: answer.Header.Get("X-Error-Message"),
		retryAfter: readRetryAfter(answer.Header.Get("Retry-After"), h.options.Now())}
	if e.message == "" {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
		if kind := answer.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/plain") || strings.HasPrefix(kind, "application/json") {
			e.message = strings.TrimSpace(string(text))
		}
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		if h.options.Token == "" {
			return fmt.Errorf("%w (the repository is private, gated, or does not exist; no token was given)", e)
		}
		return fmt.Errorf("%w (the token is not valid)", e)
	case http.StatusForbidden:
		return fmt.Errorf("%w (the token may not read it; a gated repository wants its terms accepted at %s/%s)", e, h.options.Endpoint, h.repo)
	}
	return e
}

// patient cuts a body that delivers nothing for a while: a half-dead connection would be waited for without end.
type patient struct {
	io.ReadCloser
	timer *time.Timer
	stall time.Duration
	end   context.CancelCauseFunc
	ctx   context.Context
}

var errStalled = errors.New("the connection stalled")

// watch starts to watch a body whose request runs under the context that end ends.
func watch(ctx context.Context, body io.ReadCloser, end context.CancelCauseFunc, stall time.Duration) *patient {
	p := &patient{ReadCloser: body, stall: stall, end: end, ctx: ctx}
	p.timer = time.AfterFunc(stall, func() { end(errStalled) })
	return p
}

func (p *patient) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.timer.Reset(p.stall)
	if err != nil && errors.Is(context.Cause(p.ctx), errStalled) {
		err = fmt.Errorf("%w: nothing came for %v", errStalled, p.stall)
	}
	return n, err
}

func (p *patient) Close() error {
	p.timer.Stop()
	err := p.ReadCloser.Close()
	p.end(nil)
	return err
}
