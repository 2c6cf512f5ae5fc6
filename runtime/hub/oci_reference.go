package hub

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

const sha256Prefix = "sha256:"

// What the OCI distribution specification takes as names; hosts may be IPv6 addresses in brackets.
var (
	registryName   = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)
	repositoryName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagName        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	digestName     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

const maxRepositoryBytes = 255

// parseOCI reads registry/repository, :tag or @sha256:... With both, the digest is what counts, as everywhere; without any the tag
// is latest.
func parseOCI(text string) (Reference, error) {
	wrong := func(format string, values ...any) (Reference, error) {
		return Reference{}, fmt.Errorf("model oci://%s: "+format, append([]any{text}, values...)...)
	}
	registry, rest, found := strings.Cut(text, "/")
	if !found || !registryName.MatchString(registry) {
		return wrong("%q is no registry; host/repository or host:port/repository is wanted", registry)
	}
	name, digest, pinned := strings.Cut(rest, "@")
	name, tag, tagged := strings.Cut(name, ":")
	switch {
	case len(name) > maxRepositoryBytes || !repositoryName.MatchString(name):
		return wrong("%q is no repository; lower-case letters, digits and '.', '_', '-', '/' between them are wanted, at most %d bytes", name, maxRepositoryBytes)
	case tagged && !tagName.MatchString(tag):
		return wrong("%q is no tag; up to 128 letters, digits, '_', '.' and '-' are wanted", tag)
	case pinned && !digestName.MatchString(digest):
		return wrong("%q is no digest; sha256: and 64 hexadecimal digits are wanted", digest)
	case pinned:
		return Reference{Registry: registry, Image: name, Revision: digest}, nil
	case tagged:
		return Reference{Registry: registry, Image: name, Revision: tag}, nil
	}
	return Reference{Registry: registry, Image: name, Revision: "latest"}, nil
}

func (r Reference) ociFolder() string {
	return filepath.Join("oci", plainName(strings.ToLower(r.Registry)), plainName(r.Image))
}
