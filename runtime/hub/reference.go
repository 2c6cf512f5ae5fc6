package hub

import (
	"fmt"
	"regexp"
	"strings"
)

// Schemes of a reference.
const (
	schemeHub = "hf://"
	schemeS3  = "s3://"
)

// Reference says where a model's files are.
type Reference struct {
	Path string // a folder; the other fields are empty then

	Repo, Revision string // of the Hub: owner/name, and a commit, branch or tag

	Bucket, Prefix string // of an S3 store; the prefix has no slash at its ends
}

var (
	repoName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)
	revisionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)
	bucketName   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	commitName   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// Parse reads a reference. A text without a scheme is a path.
func Parse(text string) (Reference, error) {
	switch {
	case strings.HasPrefix(text, schemeHub):
		return parseHub(strings.TrimPrefix(text, schemeHub))
	case strings.HasPrefix(text, schemeS3):
		return parseS3(strings.TrimPrefix(text, schemeS3))
	case strings.Contains(text, "://"):
		return Reference{}, fmt.Errorf("model %q: a path, hf://owner/name@revision or s3://bucket/prefix is wanted", text)
	case text == "":
		return Reference{}, fmt.Errorf("model is empty: a path, hf://owner/name@revision or s3://bucket/prefix is wanted")
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
	for _, name := range []string{r.Repo, r.Prefix, r.Bucket} {
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
	}
	return r.Path
}

// pinned reports whether the reference can only ever mean the same files.
func (r Reference) pinned() bool { return commitName.MatchString(r.Revision) }

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
