package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair writes a certificate with a serial number of its own, and its key.
func writePair(t *testing.T, f tlsFlags, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{f.certFile: {Type: "CERTIFICATE", Bytes: der}, f.keyFile: {Type: "EC PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Time{}, time.Unix(serial, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACertificateIsReadAgainWhenItChanged(t *testing.T) {
	folder := t.TempDir()
	f := tlsFlags{certFile: filepath.Join(folder, "tls.crt"), keyFile: filepath.Join(folder, "tls.key")}
	writePair(t, f, 1)
	now := time.Unix(0, 0)
	var log strings.Builder
	config, err := f.config(func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		pair, err := config.GetCertificate(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.Int64()
	}
	writePair(t, f, 2)
	if got := serial(); got != 1 {
		t.Errorf("within the period the certificate is %d, want the first", got)
	}
	now = now.Add(certificatePeriod)
	if got := serial(); got != 2 {
		t.Errorf("after it the certificate is %d, want the second", got)
	}
	if err := os.WriteFile(f.keyFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(certificatePeriod)
	if got := serial(); got != 2 || !strings.Contains(log.String(), "not usable; the one before stays") {
		t.Errorf("with half a pair the certificate is %d, and the log says %q", got, log.String())
	}
	writePair(t, f, 3)
	now = now.Add(certificatePeriod)
	if got := serial(); got != 3 {
		t.Errorf("with a whole pair again it is %d", got)
	}
}

func TestACertificateMustBeRightAtTheStart(t *testing.T) {
	folder := t.TempDir()
	f := tlsFlags{certFile: filepath.Join(folder, "tls.crt"), keyFile: filepath.Join(folder, "tls.key")}
	if _, err := f.config(time.Now, slog.Default()); err == nil || !strings.Contains(err.Error(), "reading --tls-cert-file") {
		t.Errorf("got %v", err)
	}
}

func TestTheAPISpeaksTLS(t *testing.T) {
	folder := t.TempDir()
	f := tlsFlags{certFile: filepath.Join(folder, "tls.crt"), keyFile: filepath.Join(folder, "tls.key")}
	writePair(t, f, 7)
	s := start(t, 0, loadIdle, func(p *process) {
		var err error
		if p.tls, err = f.config(time.Now, p.log); err != nil {
			t.Fatal(err)
		}
	})
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.api, "http://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if state := conn.ConnectionState(); state.PeerCertificates[0].SerialNumber.Int64() != 7 || state.Version < tls.VersionTLS12 || state.NegotiatedProtocol != "h2" {
		t.Errorf("got version %x, protocol %q", state.Version, state.NegotiatedProtocol)
	}
}
