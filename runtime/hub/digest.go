package hub

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"os"
)

// Kinds of digests. What a source tells of a file depends on how it keeps it.
const (
	digestSHA256 = "sha256"
	digestGit    = "git-sha1" // of "blob <size>\0" and the content: how git names it
	digestMD5    = "md5"
	digestCRC64  = "crc64nvme"
)

// digest of a file; without a kind the source tells none, and the size alone is checked.
type digest struct {
	Kind  string `json:"kind,omitempty"`
	Value string `json:"value,omitempty"` // hexadecimal
}

// nvme is the polynomial of CRC-64/NVME, reflected: the digest of "123456789" is ae8b14860a799888.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

func (d digest) hash(size int64) hash.Hash {
	switch d.Kind {
	case digestSHA256:
		return sha256.New()
	case digestMD5:
		return md5.New()
	case digestCRC64:
		return crc64.New(nvme)
	case digestGit:
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", size)
		return h
	}
	return nil
}

// errDigest is about content that is not what the source announced.
type errDigest struct{ name, kind, want, got string }

func (e *errDigest) Error() string {
	return fmt.Sprintf("%s has the wrong content: its %s is %s, the source announced %s", e.name, e.kind, e.got, e.want)
}

// verify reads a file back from the disk: what is checked is what will be loaded.
func (f file) verify(ctx context.Context, path string) error {
	h := f.digest.hash(f.size)
	if h == nil {
		return nil
	}
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("checking %s: %w", f.name, err)
	}
	defer in.Close()
	if _, err := io.CopyBuffer(h, reading{ctx, in}, make([]byte, 1<<20)); err != nil {
		return fmt.Errorf("checking %s: %w", f.name, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != f.digest.Value {
		return &errDigest{f.name, f.digest.Kind, f.digest.Value, got}
	}
	return nil
}

// reading ends with its context: a large file takes many seconds.
type reading struct {
	ctx context.Context
	io.Reader
}

func (r reading) Read(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(b)
}

// fromBase64 is a digest as S3 writes it; "" where it is none of that many bytes.
func fromBase64(text string, bytes int) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != bytes {
		return ""
	}
	return hex.EncodeToString(raw)
}
