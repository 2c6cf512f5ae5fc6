package fetch

import (
	"context"
	"io"
	"net"
	"syscall"
)

// Control judges an address that is about to be connected to, as net.Dialer's Control does.
type Control func(network, address string, c syscall.RawConn) error

func (f *Fetcher) dial(g guard) func(ctx context.Context, network, address string) (net.Conn, error) {
	connect := f.options.Connect
	if connect == nil {
		connect = f.connect
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return connect(ctx, network, address, g.control)
	}
}

func (f *Fetcher) connect(ctx context.Context, network, address string, control Control) (net.Conn, error) {
	d := net.Dialer{Resolver: f.options.Resolver, Control: control}
	return d.DialContext(ctx, network, address)
}

// limitedReader fails where one byte more than the limit comes.
type limitedReader struct {
	from     io.Reader
	left     int64
	tooLarge error
	explain  func(error) error
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.from.Read(p)
	if int64(n) > l.left {
		return int(l.left), l.tooLarge
	}
	l.left -= int64(n)
	if err != nil && err != io.EOF {
		err = l.explain(err)
	}
	return n, err
}
