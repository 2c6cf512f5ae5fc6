package oci

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"
)

// Copy is a file or folder of this machine and its place in the image.
type Copy struct{ Source, Target string }

// Spec says what an image holds and how it starts.
type Spec struct {
	Name         string   // with a tag: registry.local/aircache:v1
	Entrypoint   []string // empty for an image volume
	User         string   // "uid:gid"
	Env          []string
	Files        []Copy
	Dirs         []Copy
	Binaries     []Copy   // like Files, with the libraries that they link to
	Libraries    []string // dlopened ones, by soname or path, with what they link to
	Architecture string   // empty: this machine's
}

// Normalize checks the spec and fills in defaults.
func (s *Spec) Normalize() error {
	if _, _, err := splitTag(s.Name); err != nil {
		return err
	}
	if s.Architecture == "" {
		s.Architecture = runtime.GOARCH
	}
	if len(s.Files)+len(s.Dirs)+len(s.Binaries) == 0 {
		return errors.New("reading the image's content: no file, folder or binary is given")
	}
	for _, group := range [][]Copy{s.Files, s.Dirs, s.Binaries} {
		for i, c := range group {
			if c.Target == "" {
				group[i].Target = "/" + path.Base(c.Source)
			}
			if !path.IsAbs(group[i].Target) {
				return fmt.Errorf("reading the place of %s: %q is not absolute", c.Source, c.Target)
			}
		}
	}
	return nil
}

// splitTag separates name and tag; the digest reference is made of the name alone.
func splitTag(ref string) (name, tag string, err error) {
	slash := strings.LastIndex(ref, "/")
	colon := strings.LastIndex(ref, ":")
	if colon <= slash || colon == len(ref)-1 || strings.Contains(ref, "@") {
		return "", "", fmt.Errorf("reading image name %q: want name:tag", ref)
	}
	if first, _, ok := strings.Cut(ref, "/"); !ok || !strings.ContainsAny(first, ".:") {
		return "", "", fmt.Errorf("reading image name %q: want a registry host first, such as registry.local/", ref)
	}
	return ref[:colon], ref[colon+1:], nil
}

// ParseCopy reads "source=target" or "source".
func ParseCopy(s string) Copy {
	source, target, _ := strings.Cut(s, "=")
	return Copy{Source: source, Target: target}
}
