package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	godigest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// registry is a repository of an OCI registry. Its manifests come through oras; blobs are asked for here, in parts, with the same
// client, which answers challenges.
type registry struct {
	options    Options
	reference  Reference
	repository *remote.Repository
	client     *auth.Client
}

// newRegistry takes credentials from where Docker keeps them: config.json in DOCKER_CONFIG or ~/.docker, and the helpers it names.
func newRegistry(r Reference, o Options) (*registry, error) {
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, permanent("reading the credentials of registries: %w", err)
	}
	repository, err := remote.NewRepository(r.Registry + "/" + r.Image)
	if err != nil {
		return nil, permanentError{err}
	}
	client := &auth.Client{Client: withTokenPolicy(o.HTTP), Cache: auth.NewCache(), Credential: credentials.Credential(store),
		Header: http.Header{"User-Agent": {"aircache"}}}
	repository.Client, repository.PlainHTTP = client, o.isPlain(r.Registry)
	return &registry{options: o, reference: r, repository: repository, client: client}, nil
}

// isPlain: without TLS are this machine's own registries, and those that the user names.
func (o Options) isPlain(registry string) bool {
	host, _, err := net.SplitHostPort(registry)
	if err != nil {
		host = registry
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback() || slices.Contains(o.OCIPlainHTTP, registry)
}

// list reads the manifest, and where the reference names an index of several, the one for this platform.
func (g *registry) list(ctx context.Context) (listing, error) {
	root, text, err := g.manifest(ctx, g.reference.Revision)
	if err != nil {
		return listing{}, err
	}
	if isIndex(root.MediaType) {
		one, err := choosePlatform(text)
		if err != nil {
			return listing{}, permanent("%s: %w", g.reference, err)
		}
		if _, text, err = g.manifest(ctx, one); err != nil {
			return listing{}, err
		}
	}
	l, err := readManifestOCI(text)
	if err != nil {
		return listing{}, permanent("%s: %w", g.reference, err)
	}
	l.revision = root.Digest.Encoded()
	return l, nil
}

const maxManifestBytes = 4 << 20 // what registries take at most

// manifest gives the bytes of a manifest, which are those of its digest.
func (g *registry) manifest(ctx context.Context, name string) (ocispec.Descriptor, []byte, error) {
	what := "GET the manifest " + name
	d, body, err := g.repository.Manifests().FetchReference(ctx, name)
	if err != nil {
		return d, nil, g.explain(what, err)
	}
	defer body.Close()
	switch {
	case d.Size > maxManifestBytes:
		return d, nil, permanent("%s: it has %d bytes, the limit is %d", what, d.Size, maxManifestBytes)
	case d.Digest.Algorithm() != godigest.SHA256:
		return d, nil, permanent("%s: its digest is %.80q, one of SHA-256 is wanted", what, d.Digest)
	case digestName.MatchString(name) && d.Digest.String() != name:
		return d, nil, permanent("%s: the registry sends %s", what, d.Digest)
	}
	text, err := content.ReadAll(body, d)
	if errors.Is(err, content.ErrMismatchedDigest) || errors.Is(err, content.ErrTrailingData) {
		return d, nil, permanent("%s: the registry sends other content than that of %s: %w", what, d.Digest, err)
	}
	if err != nil {
		return d, nil, fmt.Errorf("%s: %w", what, err)
	}
	return d, text, nil
}

func (g *registry) describe(_ context.Context, f file) (file, error) { return f, nil }

func (g *registry) open(ctx context.Context, _ listing, f file, from, to int64) (io.ReadCloser, error) {
	ctx, end := context.WithCancelCause(ctx)
	body, err := g.body(ctx, f, from, to)
	if err != nil {
		end(nil)
		return nil, err
	}
	return watch(ctx, body, end, g.options.Stall), nil
}

// body asks for a part of a blob. A blob never changes, and its digest decides in the end.
func (g *registry) body(ctx context.Context, f file, from, to int64) (io.ReadCloser, error) {
	scheme, r := "https", g.repository.Reference
	if g.repository.PlainHTTP {
		scheme = "http"
	}
	address := fmt.Sprintf("%s://%s/v2/%s/blobs/%s", scheme, r.Host(), r.Repository, f.key)
	request, err := http.NewRequestWithContext(auth.AppendRepositoryScope(ctx, r, auth.ActionPull), http.MethodGet, address, nil)
	if err != nil {
		return nil, permanentError{err}
	}
	request.Header.Set("Accept-Encoding", "identity") // ranges are of the bytes themselves
	if from > 0 || to < f.size {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	}
	answer, err := g.client.Do(request)
	if err != nil {
		return nil, g.explain("GET "+bare(request.URL), err)
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusPartialContent {
		defer answer.Body.Close()
		e := &statusError{what: "GET " + bare(request.URL), code: answer.StatusCode, retryAfter: readRetryAfter(answer.Header.Get("Retry-After"), g.options.Now())}
		return nil, g.advise(e)
	}
	if err := checkRange(answer, f, from, to); err != nil {
		answer.Body.Close()
		return nil, err
	}
	return answer.Body, nil
}

// explain turns an error of oras into the status and the registry's own words.
func (g *registry) explain(what string, err error) error {
	var answer *errcode.ErrorResponse
	switch {
	case errors.As(err, &answer):
		e := &statusError{what: what, code: answer.StatusCode}
		if answer.URL != nil {
			e.what = answer.Method + " " + bare(answer.URL)
		}
		if len(answer.Errors) > 0 {
			e.message = answer.Errors.Error()
		}
		return g.advise(e)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return g.advise(&statusError{what: what, code: http.StatusUnauthorized})
	case errors.Is(err, errdef.ErrNotFound):
		return &statusError{what: what, code: http.StatusNotFound, message: "the registry " + g.reference.Registry + " has no such image"}
	case errors.Is(err, errdef.ErrSizeExceedsLimit), errors.Is(err, errdef.ErrInvalidDigest), errors.Is(err, errdef.ErrUnsupported):
		return permanent("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, withoutQuery(err))
}

// advise adds what a user can do about it.
func (g *registry) advise(e *statusError) error {
	if e.code != http.StatusUnauthorized && e.code != http.StatusForbidden {
		return e
	}
	return fmt.Errorf("%w (the image is private or does not exist; credentials are those of `docker login %s`, in config.json of the folder that DOCKER_CONFIG names)",
		e, cmp.Or(g.reference.Registry, "REGISTRY"))
}
