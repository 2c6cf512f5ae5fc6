package directive

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxKeyFile is far more than the 120 bytes of a key.
const maxKeyFile = 16 << 10

const (
	privateBlock = "PRIVATE KEY" // PKCS #8
	publicBlock  = "PUBLIC KEY"  // PKIX
)

// GenerateKey makes a private key as PEM, in PKCS #8 as `openssl genpkey -algorithm ed25519` and Helm do.
func GenerateKey() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), nil
}

// DecodePrivateKey reads one PEM block, an Ed25519 key in PKCS #8.
func DecodePrivateKey(content []byte) (ed25519.PrivateKey, error) {
	block, err := onlyBlock(content)
	if err != nil {
		return nil, err
	}
	if block.Type != privateBlock {
		return nil, fmt.Errorf("it holds a %.40q block, it must be %q (PKCS #8)", block.Type, privateBlock)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("it holds no PKCS #8 key: %w", err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("it holds a %T, it must be an Ed25519 key", key)
	}
	return private, nil
}

// DecodePublicKey reads one PEM block: an Ed25519 public key, or a private one of which it takes the public half.
func DecodePublicKey(content []byte) (ed25519.PublicKey, error) {
	block, err := onlyBlock(content)
	if err != nil {
		return nil, err
	}
	if block.Type != publicBlock {
		private, err := DecodePrivateKey(content)
		if err != nil {
			return nil, err
		}
		return private.Public().(ed25519.PublicKey), nil
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("it holds no PKIX key: %w", err)
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("it holds a %T, it must be an Ed25519 key", key)
	}
	return public, nil
}

// onlyBlock refuses more than one block: which of two keys is meant nobody could tell.
func onlyBlock(content []byte) (*pem.Block, error) {
	block, rest := pem.Decode(content)
	if block == nil {
		return nil, errors.New("it holds no PEM block")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it holds more than one key")
	}
	return block, nil
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxKeyFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxKeyFile)
	}
	return content, nil
}
