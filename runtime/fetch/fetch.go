package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Limits of a fetch that no option moves.
const (
	MaxRedirects   = 3
	MaxURLBytes    = 8 << 10
	maxHeaderBytes = 64 << 10
	idleTimeout    = 30 * time.Second
)

// Options of a Fetcher.
type Options struct {
	Timeout  time.Duration  // for one picture, all of it
	MaxBytes int64          // of the encoded picture
	Domains  []string       // hosts and their sub-domains that may be asked; empty: all. See ParseDomains
	Networks []netip.Prefix // reachable although they are not public, on any port. See ParseNetworks
	Resolver *net.Resolver  // nil: the system's

	// Connect makes connections; nil: a net.Dialer's. It is told the control that must judge the address.
	Connect func(ctx context.Context, network, address string, control Control) (net.Conn, error)
}

// Fetcher gets pictures. It is safe for concurrent use.
type Fetcher struct {
	options Options
	client  *http.Client
}

// RefusedError says why a URL is not fetched. Its text is for the user who sent the URL.
type RefusedError struct{ why string }

func (e *RefusedError) Error() string { return e.why }

// New makes a Fetcher.
func New(o Options) *Fetcher {
	f := &Fetcher{options: o}
	f.client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would connect where the guard cannot see
			DialContext:            f.dial(newGuard(o.Networks)),
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // a picture is compressed already, and a bomb would be too
			MaxResponseHeaderBytes: maxHeaderBytes,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        idleTimeout,
		},
		CheckRedirect: f.checkRedirect,
	}
	return f
}

// body is an open picture. Its bytes end with an error where they are more than the limit.
type body struct {
	io.Reader
	body io.Closer
	end  context.CancelFunc
}

// Close ends the fetch.
func (b *body) Close() error {
	defer b.end()
	return b.body.Close()
}

// Open asks for a picture and answers when its bytes begin. Errors are for the user: they name no address and no cause inside.
func (f *Fetcher) Open(ctx context.Context, rawURL string) (io.ReadCloser, error) {
	u, err := f.parse(rawURL)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithTimeout(ctx, f.options.Timeout)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		end()
		return nil, &RefusedError{"its URL cannot be asked for"}
	}
	request.Header.Set("User-Agent", "aircache")
	request.Header.Set("Accept", "image/jpeg, image/png, image/webp")
	response, err := f.client.Do(request)
	if err != nil {
		end()
		return nil, f.explain(u, err)
	}
	if err := f.judge(u, response); err != nil {
		_ = response.Body.Close()
		end()
		return nil, err
	}
	limited := &limitedReader{from: response.Body, left: f.options.MaxBytes, tooLarge: f.tooLarge(), explain: func(err error) error { return f.explain(u, err) }}
	return &body{Reader: limited, body: response.Body, end: end}, nil
}

func (f *Fetcher) judge(u *url.URL, response *http.Response) error {
	switch {
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("its host %s answered %d", u.Hostname(), response.StatusCode)
	case response.ContentLength > f.options.MaxBytes:
		return f.tooLarge()
	case response.Header.Get("Content-Encoding") != "":
		return fmt.Errorf("its host %s sent it with a content encoding, which was not asked for", u.Hostname())
	}
	return nil
}

func (f *Fetcher) tooLarge() error {
	return fmt.Errorf("it has more than %d bytes, the limit", f.options.MaxBytes)
}

// parse refuses before anything is looked up.
func (f *Fetcher) parse(raw string) (*url.URL, error) {
	if len(raw) > MaxURLBytes {
		return nil, &RefusedError{fmt.Sprintf("its URL has %d bytes, the limit is %d", len(raw), MaxURLBytes)}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &RefusedError{"its URL is not valid"}
	}
	return u, f.check(u)
}

func (f *Fetcher) check(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return &RefusedError{"its URL is neither http: nor https:"}
	case u.Hostname() == "":
		return &RefusedError{"its URL has no host"}
	case u.User != nil:
		return &RefusedError{"its URL has a user or a password, which are not sent"}
	case !allows(f.options.Domains, u.Hostname()):
		return &RefusedError{fmt.Sprintf("host %s is not among those that this server fetches from", u.Hostname())}
	}
	return nil
}

// checkRedirect holds every further URL to the same rules; the guard judges its address when it is connected to.
func (f *Fetcher) checkRedirect(next *http.Request, before []*http.Request) error {
	if len(before) > MaxRedirects {
		return &RefusedError{fmt.Sprintf("its host redirects more than %d times", MaxRedirects)}
	}
	if before[len(before)-1].URL.Scheme == "https" && next.URL.Scheme == "http" {
		return &RefusedError{"its host redirects from https: to http:"}
	}
	next.Header.Del("Referer")
	return f.check(next.URL)
}

// explain is what the user is told: whether the host was reached, and not how the network behind this process looks.
func (f *Fetcher) explain(u *url.URL, err error) error {
	var refused *RefusedError
	var slow net.Error
	var name *net.DNSError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return fmt.Errorf("it did not arrive from %s within %v", u.Hostname(), f.options.Timeout)
	case errors.As(err, &name):
		return fmt.Errorf("its host %s cannot be looked up", u.Hostname())
	}
	return fmt.Errorf("its host %s cannot be reached, or broke off", u.Hostname())
}
