package main

import (
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that repeats what it hears.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	return listener.Addr().String()
}

func speaks(c net.Conn) bool {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	answer := make([]byte, 2)
	if _, err := c.Write([]byte("hi")); err != nil {
		return false
	}
	_, err := io.ReadFull(c, answer)
	return err == nil && string(answer) == "hi"
}

func TestProxyPassesCutsAndBlocks(t *testing.T) {
	p, err := newProxy(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	call := func() net.Conn {
		c, err := net.Dial("tcp", p.address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	old := call()
	if !speaks(old) {
		t.Fatal("nothing passes")
	}
	p.cut(false)
	if speaks(old) {
		t.Error("a connection outlived the cut")
	}
	if !speaks(call()) {
		t.Error("a new connection after the cut is refused")
	}
	p.cut(true)
	if speaks(call()) {
		t.Error("a connection passes while operators are kept out")
	}
	p.admit()
	if !speaks(call()) {
		t.Error("nothing passes any more")
	}
}
