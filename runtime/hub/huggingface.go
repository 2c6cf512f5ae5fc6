package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
)

// source is where files come from.
type source interface {
	// list asks what there is now.
	list(ctx context.Context) (listing, error)
	// describe adds what only a question about the file itself tells.
	describe(ctx context.Context, f file) (file, error)
	// open gives the bytes from..to-1 of a file, or everything where from is 0 and to its size.
	open(ctx context.Context, l listing, f file, from, to int64) (io.ReadCloser, error)
}

// hugging is a repository of the Hugging Face Hub, or of a mirror that speaks as it does.
type hugging struct {
	options        Options
	client         *http.Client
	repo, revision string
	tags           sync.Map // of each file, as the host that serves it says
}

func newHugging(r Reference, o Options) *hugging {
	return &hugging{options: o, client: withTokenPolicy(o.HTTP), repo: r.Repo, revision: r.Revision}
}

// folder of a repository in the cache.
func (r Reference) hubFolder() string {
	return filepath.Join("huggingface", filepath.FromSlash(r.Repo))
}

// repository is the Hub's answer about a revision (GET /api/models/{repo}/revision/{revision}?blobs=true).
type repository struct {
	Commit   string `json:"sha"`
	Siblings []struct {
		Name string `json:"rfilename"`
		Size int64  `json:"size"`
		Blob string `json:"blobId"` // git's name of the file, or of the pointer to a large one
		LFS  *struct {
			SHA256 string `json:"sha256"`
			Size   int64  `json:"size"`
		} `json:"lfs"`
	} `json:"siblings"`
}

const maxListingBytes = 64 << 20

func (h *hugging) list(ctx context.Context) (listing, error) {
	address := fmt.Sprintf("%s/api/models/%s/revision/%s?blobs=true", h.options.Endpoint, h.repo, url.PathEscape(h.revision))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return listing{}, permanentError{err}
	}
	answer, err := h.do(r, http.StatusOK)
	if err != nil {
		return listing{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxListingBytes))
	if err != nil {
		return listing{}, fmt.Errorf("reading the list of files: %w", err)
	}
	return readRepository(text)
}

// readRepository checks what a server says before anything of it names a file or a folder.
func readRepository(text []byte) (listing, error) {
	var answer repository
	if err := json.Unmarshal(text, &answer); err != nil {
		return listing{}, permanent("reading the list of files: %w", err)
	}
	if !commitName.MatchString(answer.Commit) {
		return listing{}, permanent("reading the list of files: sha is %.80q, a commit of 40 hexadecimal digits is wanted", answer.Commit)
	}
	l := listing{revision: answer.Commit}
	for _, s := range answer.Siblings {
		f := file{name: s.Name, size: s.Size, digest: digest{digestGit, strings.ToLower(s.Blob)}}
		if s.LFS != nil {
			f.size, f.digest = s.LFS.Size, digest{digestSHA256, strings.ToLower(s.LFS.SHA256)}
		}
		if f.digest.Value == "" {
			f.digest = digest{}
		}
		l.files = append(l.files, f)
	}
	if err := l.check(); err != nil {
		return listing{}, permanentError{err}
	}
	return l, nil
}

func (h *hugging) describe(_ context.Context, f file) (file, error) { return f, nil }

func (h *hugging) open(ctx context.Context, l listing, f file, from, to int64) (io.ReadCloser, error) {
	ctx, end := context.WithCancelCause(ctx)
	body, err := h.body(ctx, l, f, from, to)
	if err != nil {
		end(nil)
		return nil, err
	}
	return watch(ctx, body, end, h.options.Stall), nil
}

// body asks for a commit's file, whatever the branch has become. Where a part is wanted and the tag that the file's server gave
// before is known, it goes with If-Range: a server whose file is another one then answers with all of it.
func (h *hugging) body(ctx context.Context, l listing, f file, from, to int64) (io.ReadCloser, error) {
	address := fmt.Sprintf("%s/%s/resolve/%s/%s", h.options.Endpoint, h.repo, l.revision, (&url.URL{Path: f.name}).EscapedPath())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, permanentError{err}
	}
	tag, known := h.tags.Load(f.name)
	if from > 0 || to < f.size {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
		if known {
			r.Header.Set("If-Range", tag.(string))
		}
	}
	answer, err := h.do(r, http.StatusOK, http.StatusPartialContent)
	if err != nil {
		return nil, err
	}
	if err := checkRange(answer, f, from, to); err != nil {
		answer.Body.Close()
		if known && errors.Is(err, errWhole) {
			h.tags.Delete(f.name) // another server behind the same name may tag it otherwise: the digest decides in the end
			return nil, fmt.Errorf("fetching %s: its tag is no longer %s", f.name, tag)
		}
		return nil, err
	}
	if tag := answer.Header.Get("ETag"); strings.HasPrefix(tag, `"`) { // weak tags say nothing about bytes
		h.tags.Store(f.name, tag)
	}
	return answer.Body, nil
}

// errWhole: a part in the middle was asked for and the server sends everything.
var errWhole = errors.New("the server ignores Range, which files of more than one segment and cut connections need")

// checkRange makes sure that the body is the part that was asked for: a proxy that cuts or a server that ignores Range would
// otherwise put wrong bytes into the middle of a file.
func checkRange(answer *http.Response, f file, from, to int64) error {
	if answer.StatusCode == http.StatusPartialContent {
		var first, last, size int64
		got := answer.Header.Get("Content-Range")
		if n, _ := fmt.Sscanf(got, "bytes %d-%d/%d", &first, &last, &size); n != 3 || first != from || last != to-1 || size != f.size {
			return permanent("fetching %s: bytes %d-%d/%d were asked for, the server sends %q", f.name, from, to-1, f.size, got)
		}
		return nil
	}
	if from != 0 {
		return permanent("fetching %s: %w", f.name, errWhole)
	}
	if n := answer.ContentLength; n >= 0 && n != f.size {
		return permanent("fetching %s: the source announced %d bytes, the server sends %d", f.name, f.size, n)
	}
	return nil
}
