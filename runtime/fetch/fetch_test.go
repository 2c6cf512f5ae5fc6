package fetch

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestAPictureIsFetched(t *testing.T) {
	w := newWorld(t, map[string][]string{"pictures.example": {"93.184.215.14"}})
	w.serve("pictures.example/a.png", func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("sent %v", r.Header)
		}
		_, _ = rw.Write([]byte("the bytes"))
	})
	if got, err := w.fetch("http://pictures.example/a.png"); err != nil || got != "the bytes" {
		t.Fatalf("got %q, %v", got, err)
	}
	if want := "93.184.215.14:80"; strings.Join(w.connected, " ") != want {
		t.Errorf("connected to %v, want %s", w.connected, want)
	}
}

// Every range that is not the public Internet, as the name's address and as the address in the URL.
func TestNothingButThePublicInternetIsReached(t *testing.T) {
	for name, address := range map[string]string{
		"this host": "0.0.0.0", "loopback": "127.0.0.1", "all of loopback": "127.255.255.254", "loopback 6": "::1", "unspecified 6": "::",
		"private 10": "10.1.2.3", "private 172": "172.16.0.1", "private 192": "192.168.1.1", "unique local": "fd00::1",
		"link-local and the metadata service": "169.254.169.254", "link-local 6": "fe80::1", "metadata service 6": "fd00:ec2::254",
		"shared address space": "100.64.0.1", "IETF protocols": "192.0.0.1", "test network 1": "192.0.2.1", "test network 2": "198.51.100.1", "test network 3": "203.0.113.1",
		"benchmarks": "198.18.0.1", "multicast": "224.0.0.1", "multicast 6": "ff02::1", "reserved": "240.0.0.1", "broadcast": "255.255.255.255",
		"documentation 6": "2001:db8::1", "IPv4 in IPv6": "::ffff:127.0.0.1",
		"NAT64": "64:ff9b::7f00:1", "local NAT64": "64:ff9b:1::7f00:1", "6to4": "2002:7f00:1::", "Teredo": "2001::1", "discard only": "100::1",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string][]string{"inside.example": {address}})
			inURL := address
			if strings.Contains(address, ":") {
				inURL = "[" + address + "]"
			}
			for _, url := range []string{"http://inside.example/", "https://inside.example/", "http://" + inURL + "/"} {
				_, err := w.fetch(url)
				var refused *RefusedError
				if !errors.As(err, &refused) {
					t.Errorf("%s: got %v, want a refusal", url, err)
				}
				if err != nil && strings.Contains(err.Error(), address) {
					t.Errorf("%s: the error tells the address: %v", url, err)
				}
			}
			if len(w.connected) > 0 {
				t.Errorf("connected to %v", w.connected)
			}
		})
	}
}

func TestURLsThatAreNeverLookedUp(t *testing.T) {
	for name, c := range map[string]struct{ url, why string }{
		"another scheme":       {"ftp://pictures.example/a.png", "neither http: nor https:"},
		"a file":               {"file:///etc/passwd", "neither http: nor https:"},
		"a socket":             {"unix:///run/containerd.sock", "neither http: nor https:"},
		"no host":              {"http:///a.png", "no host"},
		"a password":           {"http://me:secret@pictures.example/", "user or a password"},
		"an endless URL":       {"http://pictures.example/" + strings.Repeat("a", MaxURLBytes), "the limit is 8192"},
		"control characters":   {"http://pictures.example/\r\nHost: x", "not valid"},
		"a host not allowed":   {"http://other.example/", "not among those"},
		"a host that looks it": {"http://notpictures.example/", "not among those"},
		"a suffix that is not": {"http://pictures.example.evil.example/", "not among those"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, func(o *Options) { o.Domains = []string{"pictures.example"} })
			_, err := w.fetch(c.url)
			if err == nil || !strings.Contains(err.Error(), c.why) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, c.why)
			}
			if w.lookups.Load() > 0 {
				t.Error("the host was looked up")
			}
		})
	}
}

func TestAllowedDomainsHoldTheirSubdomains(t *testing.T) {
	w := newWorld(t, map[string][]string{"a.pictures.example": {"93.184.215.14"}}, func(o *Options) { o.Domains = []string{"pictures.example"} })
	w.serve("A.Pictures.Example/", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("x")) })
	if _, err := w.fetch("http://A.Pictures.Example/"); err != nil {
		t.Error(err)
	}
}

func TestOtherPortsAreRefused(t *testing.T) {
	w := newWorld(t, map[string][]string{"pictures.example": {"93.184.215.14"}})
	for _, url := range []string{"http://pictures.example:22/", "http://pictures.example:6443/", "http://93.184.215.14:8080/"} {
		if _, err := w.fetch(url); err == nil || len(w.connected) > 0 {
			t.Errorf("%s: %v, connected to %v", url, err, w.connected)
		}
	}
}

func TestNetworksThatAreNamedAreReached(t *testing.T) {
	w := newWorld(t, map[string][]string{"store.example": {"10.1.2.3"}, "next.example": {"10.2.0.1"}}, func(o *Options) {
		o.Networks = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	})
	w.serve("store.example:9000/a", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("x")) })
	if _, err := w.fetch("http://store.example:9000/a"); err != nil {
		t.Error(err)
	}
	if _, err := w.fetch("http://next.example:9000/a"); err == nil {
		t.Error("the network beside it was reached")
	}
}

func TestRedirectsGoThroughTheSameDoor(t *testing.T) {
	public := "93.184.215.14"
	hosts := map[string][]string{"pictures.example": {public}, "inside.example": {"10.0.0.1"}}
	for name, c := range map[string]struct {
		to, why string
		limit   func(*Options)
	}{
		"to the metadata service": {"http://169.254.169.254/latest/meta-data/", "not on the public Internet", nil},
		"to a name inside":        {"http://inside.example/", "not on the public Internet", nil},
		"to another port":         {"http://pictures.example:22/", "not on the public Internet", nil},
		"to a file":               {"file:///etc/passwd", "neither http: nor https:", nil},
		"with a password":         {"http://me:secret@pictures.example/", "user or a password", nil},
		"to itself, for ever":     {"http://pictures.example/", "redirects more than 3 times", nil},
		"to a domain not allowed": {"http://other.example/", "not among those", func(o *Options) { o.Domains = []string{"pictures.example"} }},
	} {
		t.Run(name, func(t *testing.T) {
			var edits []func(*Options)
			if c.limit != nil {
				edits = append(edits, c.limit)
			}
			w := newWorld(t, hosts, edits...)
			w.serve("pictures.example/", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, c.to, http.StatusFound) })
			_, err := w.fetch("http://pictures.example/")
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("got %v, want %q", err, c.why)
			}
			for _, a := range w.connected {
				if a != public+":80" {
					t.Errorf("connected to %s", a)
				}
			}
		})
	}
}

func TestThreeRedirectsAreFollowed(t *testing.T) {
	w := newWorld(t, map[string][]string{"pictures.example": {"93.184.215.14"}})
	for at, next := range map[string]string{"/0": "/1", "/1": "/2", "/2": "/3"} {
		w.serve("pictures.example"+at, func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, next, http.StatusFound) })
	}
	w.serve("pictures.example/3", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("here")) })
	if got, err := w.fetch("http://pictures.example/0"); err != nil || got != "here" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A name that is public when it is looked at and private when it is connected to: only the second counts.
func TestRebindingGainsNothing(t *testing.T) {
	w := newWorld(t, map[string][]string{"rebind.example": {"93.184.215.14"}})
	w.serve("rebind.example/", func(rw http.ResponseWriter, r *http.Request) {
		w.answer("rebind.example", "127.0.0.1")
		rw.Header().Set("Connection", "close")
		http.Redirect(rw, r, "http://rebind.example/again", http.StatusFound)
	})
	if _, err := w.fetch("http://rebind.example/"); err == nil || !strings.Contains(err.Error(), "not on the public Internet") {
		t.Errorf("got %v", err)
	}
	if strings.Join(w.connected, " ") != "93.184.215.14:80" {
		t.Errorf("connected to %v", w.connected)
	}
}

func TestWhatHostsAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		why    string
	}{
		"not found":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "answered 404"},
		"no content":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "answered 204"},
		"an announced giant": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1000000") }, "more than 1000 bytes"},
		"an unannounced one": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, 1001))
			w.(http.Flusher).Flush()
		}, "more than 1000 bytes"},
		"a compressed bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("x"))
		}, "content encoding"},
		"half of it": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = w.Write([]byte("x"))
		}, "broke off"},
		"a redirect to where": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) }, "answered 302"},
		"endless headers": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2*maxHeaderBytes))
		}, "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string][]string{"pictures.example": {"93.184.215.14"}}, func(o *Options) { o.MaxBytes = 1000 })
			w.serve("pictures.example/", c.answer)
			_, err := w.fetch("http://pictures.example/")
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("got %v, want %q", err, c.why)
			}
		})
	}
	t.Run("as many bytes as are allowed", func(t *testing.T) {
		w := newWorld(t, map[string][]string{"pictures.example": {"93.184.215.14"}}, func(o *Options) { o.MaxBytes = 1000 })
		w.serve("pictures.example/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1000)) })
		if got, err := w.fetch("http://pictures.example/"); err != nil || len(got) != 1000 {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	})
}

func TestAHostThatStallsIsGivenUp(t *testing.T) {
	for name, begin := range map[string]bool{"before it answers": false, "in the middle": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string][]string{"pictures.example": {"93.184.215.14"}}, func(o *Options) { o.Timeout = 50 * time.Millisecond })
			w.serve("pictures.example/", func(rw http.ResponseWriter, r *http.Request) {
				if begin {
					_, _ = rw.Write([]byte("x"))
					rw.(http.Flusher).Flush()
				}
				<-r.Context().Done()
			})
			if _, err := w.fetch("http://pictures.example/"); err == nil || !strings.Contains(err.Error(), "did not arrive from pictures.example within 50ms") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnUnknownHostIsSaid(t *testing.T) {
	if _, err := newWorld(t, nil).fetch("http://nowhere.example/"); err == nil || !strings.Contains(err.Error(), "cannot be looked up") {
		t.Errorf("got %v", err)
	}
}

// The dialer that is used outside of tests judges too: a server on loopback is not reached.
func TestTheRealDialerAsksTheGuard(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer s.Close()
	_, err := New(Options{Timeout: time.Minute, MaxBytes: 1}).Open(t.Context(), s.URL)
	var refused *RefusedError
	if !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) })
	b, err := New(Options{Timeout: time.Minute, MaxBytes: 1, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}).Open(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	if got, err := io.ReadAll(b); err != nil || string(got) != "x" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestParsing(t *testing.T) {
	if n, err := ParseNetworks([]string{"10.1.0.0/16", " fd00::/8"}); err != nil || len(n) != 2 {
		t.Error(n, err)
	}
	for _, bad := range []string{"", "10.1.0.0", "10.1.2.3/16", "10.0.0.0/33"} {
		if _, err := ParseNetworks([]string{bad}); err == nil {
			t.Errorf("network %q was taken", bad)
		}
	}
	if d, err := ParseDomains([]string{".Example.com", "a.b."}); err != nil || strings.Join(d, " ") != "example.com a.b" {
		t.Error(d, err)
	}
	for _, bad := range []string{"", ".", "*.example.com", "http://example.com", "example.com:80", "10.0.0.1"} {
		if _, err := ParseDomains([]string{bad}); err == nil {
			t.Errorf("domain %q was taken", bad)
		}
	}
}

// Whatever is in a URL, nothing is connected to that the guard did not judge to be public.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"http://pictures.example/", "http://127.1/", "http://0x7f.1/", "http://2130706433/", "http://[::ffff:7f00:1]/", "http://localhost/", "http://pictures.example@127.0.0.1/", "http://127.0.0.1#@pictures.example/", "http://pictures.example\\@127.0.0.1/", "http://①②⑦.0.0.1/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		w := newWorld(t, map[string][]string{"pictures.example": {"93.184.215.14"}, "localhost": {"127.0.0.1"}})
		w.serve("/", func(rw http.ResponseWriter, _ *http.Request) {})
		_, _ = w.fetch(url)
		for _, a := range w.connected {
			if ip := netip.MustParseAddrPort(a).Addr(); !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() {
				t.Errorf("%q connected to %s", url, a)
			}
		}
	})
}
