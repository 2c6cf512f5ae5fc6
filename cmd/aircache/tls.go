package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"
)

// tlsFlags make the API's port speak TLS.
type tlsFlags struct{ certFile, keyFile string }

func (f *tlsFlags) register(set *pflag.FlagSet) {
	set.StringVar(&f.certFile, "tls-cert-file", "", "certificate chain (PEM) of the API's port, read again when it changes; empty: no TLS")
	set.StringVar(&f.keyFile, "tls-key-file", "", "key (PEM) of --tls-cert-file")
}

func (f *tlsFlags) check() error {
	if (f.certFile == "") != (f.keyFile == "") {
		return errors.New("--tls-cert-file and --tls-key-file go together: set both, or neither")
	}
	return nil
}

// config is nil without TLS. The files must be right at the start.
func (f *tlsFlags) config(now func() time.Time, log *slog.Logger) (*tls.Config, error) {
	if f.certFile == "" {
		return nil, nil
	}
	c := &certificate{files: *f, now: now, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// certificatePeriod is how long a certificate is used before its files are looked at again.
const certificatePeriod = 10 * time.Second

// certificate is read again by the first handshake after a change. Files are looked at by their path: a kubelet and an ACME client
// swap what a link leads to. While they are not usable (half of the pair is written) the certificate before stays.
type certificate struct {
	files tlsFlags
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	written [2]time.Time
	looked  time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.looked) >= certificatePeriod {
		if err := c.load(); err != nil {
			c.log.Warn("the TLS certificate is not usable; the one before stays", "reason", err)
		}
	}
	return c.pair, nil
}

// load reads the pair if its files are others than last time.
func (c *certificate) load() error {
	c.looked = c.now()
	var written [2]time.Time
	for i, name := range []string{c.files.certFile, c.files.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("reading --tls-cert-file and --tls-key-file: %w", err)
		}
		written[i] = info.ModTime()
	}
	if c.pair != nil && written == c.written {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.certFile, c.files.keyFile)
	if err != nil {
		return fmt.Errorf("reading --tls-cert-file and --tls-key-file: %w", err)
	}
	if c.pair != nil {
		c.log.Info("the TLS certificate was read again")
	}
	c.pair, c.written = &pair, written
	return nil
}
