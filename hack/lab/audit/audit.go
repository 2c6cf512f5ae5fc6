// Package audit reads what the lab's API server logs with `lab run -audit`: which service account asked for what.
package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"aircache.dev/aircache/hack/lab/cluster"
)

// Request is one request to the API server, as RBAC sees it.
type Request struct {
	User        string // system:serviceaccount:NAMESPACE:NAME
	Verb        string // get, list, watch, create, update, patch, delete, deletecollection
	APIGroup    string // empty for the core group
	Resource    string // plural; empty for a path that is no resource
	Subresource string // status, scale, ...
	Namespace   string
	Name        string // empty for list, watch and most creates
	Path        string // without its query
	Code        int    // of the answer
}

// ServiceAccount is the name of a service account as a Request has it.
func ServiceAccount(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}

// File is the log of the lab whose state folder is dir (LAB_DIR).
func File(dir string) string { return filepath.Join(dir, cluster.AuditLog) }

// ReadFile reads a log that may still grow: what has been written so far.
func ReadFile(file string) ([]Request, error) { return (&Follower{File: file}).Next() }

// Follower reads a log that grows, each line once.
type Follower struct {
	File   string
	offset int64
}

// Next are the requests since the last call.
func (f *Follower) Next() ([]Request, error) {
	file, err := os.Open(f.File)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log (lab run -audit writes one): %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(f.offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	list, taken, err := read(file)
	f.offset += taken
	return list, err
}

// event is the part of an audit.k8s.io/v1 Event that matters here.
type event struct {
	Stage      string `json:"stage"`
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	Object struct {
		Group       string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	Response struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// Read reads one JSON object a line. A request that takes long (watch) is there twice, once for its
// start and once for its end; the start counts. A last line without its end is left for the next look.
func Read(r io.Reader) ([]Request, error) {
	list, _, err := read(r)
	return list, err
}

// read tells how many bytes of whole lines it took too.
func read(r io.Reader) (list []Request, taken int64, err error) {
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return list, taken, nil
		}
		if err != nil {
			return nil, taken, fmt.Errorf("reading line %d of the audit log: %w", number, err)
		}
		taken += int64(len(line))
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, taken, fmt.Errorf("reading line %d of the audit log: %w", number, err)
		}
		if e.Verb == "watch" && e.Stage != "ResponseStarted" {
			continue
		}
		list = append(list, e.request())
	}
}

func (e event) request() Request {
	path := e.RequestURI
	for i := range path {
		if path[i] == '?' {
			path = path[:i]
			break
		}
	}
	return Request{
		User: e.User.Username, Verb: e.Verb, APIGroup: e.Object.Group, Resource: e.Object.Resource, Subresource: e.Object.Subresource,
		Namespace: e.Object.Namespace, Name: e.Object.Name, Path: path, Code: e.Response.Code,
	}
}
