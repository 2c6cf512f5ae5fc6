package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// proxy stands between the operators and the API server, and can be cut. It does not look into what passes.
type proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	open    map[net.Conn]bool
	blocked bool
}

func newProxy(target string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the operators: %w", err)
	}
	p := &proxy{listener: listener, target: target, open: map[net.Conn]bool{}}
	go p.accept()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		from, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go p.pass(from)
		}
	}
}

func (p *proxy) pass(from net.Conn) {
	to, err := net.Dial("tcp", p.target)
	if err != nil {
		from.Close()
		return
	}
	defer p.drop(from, to)
	if !p.keep(from, to) {
		return
	}
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // how it ends does not matter: both ends are closed
			done <- struct{}{}
		}()
	}
	<-done
}

// keep remembers a connection, unless operators are kept out now.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = true
	}
	return !p.blocked
}

func (p *proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(p.open, c)
	}
}

// cut ends all connections, and lets new ones in or not.
func (p *proxy) cut(block bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked = block
	for c := range p.open {
		c.Close()
	}
}

// admit lets new connections in again.
func (p *proxy) admit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked = false
}

func (p *proxy) close() {
	p.listener.Close()
	p.cut(true)
}
