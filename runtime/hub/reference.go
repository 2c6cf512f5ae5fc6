package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// Schemes of a reference.
const (
	schemeHub = "hf://"
	schemeS3  = "s3://"
	schemeOCI = "oci://"
)

const wantedReference = "a path, hf://owner/name@revision, s3://bucket/prefix or oci://registry/repository@sha256:... is wanted"

// Reference says where a model's files are.
type Reference struct {
	Path string // a folder; the other fields are empty then

	Repo, Revision string // of the Hub: owner/name, and a commit, branch or tag

	Bucket, Prefix string // of an S3 store; the prefix has no slash at its ends

	Registry, Image string // of an OCI registry: host or host:port, and the repository; Revision is a tag, or sha256:...
}

var (
	repoName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)
	revisionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)
	bucketName   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	commitName   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	revisionDir  = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`) // a published folder's name: a commit, or a SHA-256
)

// Parse reads a reference. A text without a scheme is a path.
func Parse(text string) (Reference, error) {
	switch {
	case strings.HasPrefix(text, schemeHub):
		return parseHub(strings.TrimPrefix(text, schemeHub))
	case strings.HasPrefix(text, schemeS3):
		return parseS3(strings.TrimPrefix(text, schemeS3))
	case strings.HasPrefix(text, schemeOCI):
		return parseOCI(strings.TrimPrefix(text, schemeOCI))
	case strings.Contains(text, "://"):
		return Reference{}, fmt.Errorf("model %q: %s", text, wantedReference)
	case text == "":
		return Reference{}, fmt.Errorf("model is empty: %s", wantedReference)
	}
	return Reference{Path: text}, nil
}

func parseHub(text string) (Reference, error) {
	repo, revision, given := strings.Cut(text, "@")
	if !given {
		revision = "main"
	}
	if !repoName.MatchString(repo) {
		return Reference{}, fmt.Errorf("model hf://%s: %q is no repository; owner/name is wanted, each of up to 96 letters, digits, '.', '_' and '-'", text, repo)
	}
	if !revisionName.MatchString(revision) || hasDots(revision) {
		return Reference{}, fmt.Errorf("model hf://%s: %q is no revision; a commit, a branch or a tag is wanted", text, revision)
	}
	return Reference{Repo: repo, Revision: revision}, nil
}

func parseS3(text string) (Reference, error) {
	bucket, prefix, _ := strings.Cut(text, "/")
	if !bucketName.MatchString(bucket) {
		return Reference{}, fmt.Errorf("model s3://%s: %q is no bucket; 3 to 63 lower-case letters, digits, '.' and '-' are wanted", text, bucket)
	}
	prefix = strings.Trim(prefix, "/")
	if hasDots(prefix) || len(prefix) > 1024 || strings.ContainsFunc(prefix, isControl) {
		return Reference{}, fmt.Errorf("model s3://%s: %q is no prefix; at most 1024 bytes without control characters and '..' are wanted", text, prefix)
	}
	return Reference{Bucket: bucket, Prefix: prefix}, nil
}

// Remote reports whether the files have to be fetched.
func (r Reference) Remote() bool { return r.Path == "" }

// Base is the last part of the name, which a served model is called by where nothing else is said.
func (r Reference) Base() string {
	for _, name := range []string{r.Repo, r.Image, r.Prefix, r.Bucket} {
		if name != "" {
			return name[strings.LastIndex(name, "/")+1:]
		}
	}
	return ""
}

func (r Reference) String() string {
	switch {
	case r.Repo != "":
		return schemeHub + r.Repo + "@" + r.Revision
	case r.Bucket != "":
		return strings.TrimSuffix(schemeS3+r.Bucket+"/"+r.Prefix, "/")
	case r.Registry != "" && r.pinned():
		return schemeOCI + r.Registry + "/" + r.Image + "@" + r.Revision
	case r.Registry != "":
		return schemeOCI + r.Registry + "/" + r.Image + ":" + r.Revision
	}
	return r.Path
}

// pinned reports whether the reference can only ever mean the same files.
func (r Reference) pinned() bool {
	if r.Registry != "" {
		return digestName.MatchString(r.Revision)
	}
	return commitName.MatchString(r.Revision)
}

// folder of the model in the cache, two levels under the kind of its source.
func (r Reference) folder(o Options) string {
	switch {
	case r.Registry != "":
		return r.ociFolder()
	case r.Bucket != "":
		return r.s3Folder(o.S3Endpoint)
	}
	return r.hubFolder()
}

// revisionFolder is the name of the folder of a pinned revision.
func (r Reference) revisionFolder() string { return strings.TrimPrefix(r.Revision, sha256Prefix) }

// plainName makes one part of a path of a name with slashes: readable, and different for different names.
func plainName(name string) string {
	flat := strings.ReplaceAll(name, "/", "--")
	plain := notPlain.ReplaceAllString(flat, "_")
	if plain != flat || len(flat) > 128 || strings.Contains(name, "--") {
		sum := sha256.Sum256([]byte(name))
		return plain[:min(len(plain), 128)] + "-" + hex.EncodeToString(sum[:8])
	}
	return plain
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// hasDots reports whether a part of a path is "." or "..".
func hasDots(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
