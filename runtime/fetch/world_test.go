package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// world is an Internet of one server in this process. Names are answered by a resolver of its own over a pipe, and a connection that
// the guard lets through is a pipe to the server: net.Dialer does all it does, and is stopped just before it would connect. So no
// packet can leave the machine.
type world struct {
	t       *testing.T
	fetcher *Fetcher
	mux     *http.ServeMux
	pipes   pipes
	lookups atomic.Int64

	mu        sync.Mutex
	hosts     map[string][]string
	connected []string // addresses that were let through
}

// errLetThrough stops the dialer where it would connect.
var errLetThrough = errors.New("the guard let it through")

func newWorld(t *testing.T, hosts map[string][]string, edit ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, mux: http.NewServeMux(), hosts: map[string][]string{}, pipes: make(pipes)}
	for name, addresses := range hosts {
		w.answer(name, addresses...)
	}
	options := Options{Timeout: time.Minute, MaxBytes: 1 << 20, Connect: w.connect}
	for _, e := range edit {
		e(&options)
	}
	options.Resolver = &net.Resolver{PreferGo: true, Dial: w.dialDNS}
	w.fetcher = New(options)
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Host = strings.ToLower(r.Host)
		w.mux.ServeHTTP(rw, r)
	})}
	go func() { _ = server.Serve(w.pipes) }()
	t.Cleanup(func() { _ = server.Close() })
	return w
}

func (w *world) serve(pattern string, h http.HandlerFunc) {
	w.mux.HandleFunc(strings.ToLower(hostOnly(pattern)), h)
}

// hostOnly takes the port out of a pattern: ServeMux matches hosts without it.
func hostOnly(pattern string) string {
	host, path, _ := strings.Cut(pattern, "/")
	host, _, _ = strings.Cut(host, ":")
	return host + "/" + path
}

func (w *world) answer(name string, addresses ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[name] = addresses
}

func (w *world) fetch(url string) (string, error) {
	b, err := w.fetcher.Open(w.t.Context(), url)
	if err != nil {
		return "", err
	}
	defer func() { _ = b.Close() }()
	got, err := io.ReadAll(b)
	return string(got), err
}

func (w *world) connect(ctx context.Context, network, address string, control Control) (net.Conn, error) {
	d := net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: w.dialDNS}}
	d.Control = func(network, address string, c syscall.RawConn) error {
		if err := control(network, address, c); err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.connected = append(w.connected, address)
		return errLetThrough
	}
	if _, err := d.DialContext(ctx, network, address); !errors.Is(err, errLetThrough) {
		return nil, err
	}
	here, there := net.Pipe()
	select {
	case w.pipes <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dialDNS is a name server at the other end of a pipe, by the protocol of DNS over TCP.
func (w *world) dialDNS(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go w.answerDNS(there)
	return here, nil
}

func (w *world) answerDNS(c net.Conn) {
	defer func() { _ = c.Close() }()
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		body := make([]byte, int(head[0])<<8|int(head[1]))
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		reply := w.reply(body)
		if _, err := c.Write(append([]byte{byte(len(reply) >> 8), byte(len(reply))}, reply...)); err != nil {
			return
		}
	}
}

func (w *world) reply(query []byte) []byte {
	w.lookups.Add(1)
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) == 0 {
		return nil
	}
	q := m.Questions[0]
	w.mu.Lock()
	addresses, known := w.hosts[strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))]
	w.mu.Unlock()
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addresses {
		ip := netip.MustParseAddr(a)
		switch {
		case q.Type == dnsmessage.TypeA && ip.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}, Body: &dnsmessage.AResource{A: ip.As4()}})
		case q.Type == dnsmessage.TypeAAAA && ip.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// pipes is a listener of connections that are handed to it.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.IPAddr{} }
