// Package hubtest answers as the Hugging Face Hub does, for tests and for clusters without a way out: the list of a revision's
// files, and the files themselves, the large ones by a redirect to another address. Faults can be put in front.
package hubtest

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Hub is an http.Handler. Its fields are set before it is used; its methods may be called at any time.
type Hub struct {
	Token string // that every question must bring; empty: none
	CDN   string // address that large files are redirected to, of a server with CDNHandler; empty: files come directly

	mu    sync.Mutex
	fault Fault
	repos map[string]*repo // by owner/name
	blobs map[string][]byte

	Leaked atomic.Int64 // requests that showed the token to the CDN
	Served atomic.Int64 // answers with bytes of files
}

// Fault stands in front of the hub and its CDN. It tells whether it has answered.
type Fault func(w http.ResponseWriter, r *http.Request) (answered bool)

// SetFault puts a fault in front, in place of the one before; nil: none.
func (h *Hub) SetFault(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = f
}

func (h *Hub) isFaulty(w http.ResponseWriter, r *http.Request) bool {
	h.mu.Lock()
	f := h.fault
	h.mu.Unlock()
	return f != nil && f(w, r)
}

type repo struct {
	commit string
	files  map[string][]byte
}

// AddRepo sets what a repository holds at a commit; the branch main is that commit.
func (h *Hub) AddRepo(name, commit string, files map[string][]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.repos == nil {
		h.repos, h.blobs = map[string]*repo{}, map[string][]byte{}
	}
	h.repos[name] = &repo{commit, files}
	for _, content := range files {
		h.blobs[SHA256(content)] = content
	}
}

// SHA256 of a content, as the Hub writes it.
func SHA256(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func gitName(content []byte) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content))
	return hex.EncodeToString(sum[:])
}

// isLarge is the Hub's rule for what goes through LFS.
func isLarge(name string) bool { return strings.HasSuffix(name, ".safetensors") }

func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case h.isFaulty(w, r):
	case h.Token != "" && r.Header.Get("Authorization") != "Bearer "+h.Token:
		refuse(w, http.StatusUnauthorized, "GatedRepo", "Access to this model is restricted.")
	case strings.HasPrefix(r.URL.Path, "/api/models/"):
		h.list(w, r, strings.TrimPrefix(r.URL.Path, "/api/models/"))
	default:
		h.resolve(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", message)
	w.WriteHeader(status)
}

func (h *Hub) find(w http.ResponseWriter, name, revision string) *repo {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := h.repos[name]
	switch {
	case found == nil:
		refuse(w, http.StatusNotFound, "RepoNotFound", "Repository not found")
	case revision != "main" && revision != found.commit:
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
		return nil
	}
	return found
}

// list answers GET /api/models/{owner}/{name}/revision/{revision}?blobs=true.
func (h *Hub) list(w http.ResponseWriter, r *http.Request, path string) {
	name, revision, _ := strings.Cut(path, "/revision/")
	found := h.find(w, name, revision)
	if found == nil {
		return
	}
	type lfs struct {
		SHA256 string `json:"sha256"`
		Size   int    `json:"size"`
	}
	type sibling struct {
		Name string `json:"rfilename"`
		Size int    `json:"size"`
		Blob string `json:"blobId"`
		LFS  *lfs   `json:"lfs,omitempty"`
	}
	answer := struct {
		Commit   string    `json:"sha"`
		Siblings []sibling `json:"siblings"`
	}{Commit: found.commit}
	for file, content := range found.files {
		s := sibling{Name: file, Size: len(content), Blob: gitName(content)}
		if isLarge(file) {
			s.LFS = &lfs{SHA256(content), len(content)}
			s.Blob = gitName([]byte("the pointer to " + SHA256(content)))
		}
		answer.Siblings = append(answer.Siblings, s)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// resolve answers GET /{owner}/{name}/resolve/{revision}/{file}.
func (h *Hub) resolve(w http.ResponseWriter, r *http.Request) {
	name, rest, isFile := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/resolve/")
	revision, file, _ := strings.Cut(rest, "/")
	if !isFile {
		http.NotFound(w, r)
		return
	}
	found := h.find(w, name, revision)
	if found == nil {
		return
	}
	content, exists := found.files[file]
	if !exists {
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	w.Header().Set("X-Repo-Commit", found.commit)
	if isLarge(file) && h.CDN != "" {
		w.Header().Set("X-Linked-Etag", `"`+SHA256(content)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
		http.Redirect(w, r, h.CDN+"/"+SHA256(content)+"?signature=secret", http.StatusFound)
		return
	}
	h.send(w, r, content)
}

// CDNHandler serves what the Hub redirects to. It wants no token, and counts those that it is shown.
func (h *Hub) CDNHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			h.Leaked.Add(1)
		}
		if h.isFaulty(w, r) {
			return
		}
		h.mu.Lock()
		content, found := h.blobs[strings.TrimPrefix(r.URL.Path, "/")]
		h.mu.Unlock()
		if !found {
			http.NotFound(w, r)
			return
		}
		h.send(w, r, content)
	})
}

// send understands Range and If-Range. The tag is not the digest: on the way to large files other servers tag them.
func (h *Hub) send(w http.ResponseWriter, r *http.Request, content []byte) {
	h.Served.Add(1)
	w.Header().Set("ETag", `"`+gitName(content)+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
