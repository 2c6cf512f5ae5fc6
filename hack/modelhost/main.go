// Command modelhost serves one model folder as the Hugging Face Hub and as an S3 store do, so that a cluster without a way out can
// fetch a model as it would from there. It keeps everything in memory and is for tests.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"aircache.dev/aircache/runtime/hub/hubtest"
)

type options struct {
	dir, hubAddr, s3Addr        string
	repo, commit, token         string
	bucket, prefix, key, secret string
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "/model", "folder of the model")
	flag.StringVar(&o.hubAddr, "hub-addr", ":8080", "address of the hub")
	flag.StringVar(&o.s3Addr, "s3-addr", ":9000", "address of the store")
	flag.StringVar(&o.repo, "repo", "aircache/tiny", "name of the model at the hub")
	flag.StringVar(&o.commit, "commit", "0123456789abcdef0123456789abcdef01234567", "its only revision")
	flag.StringVar(&o.token, "token", "", "token that the hub wants; empty: none")
	flag.StringVar(&o.bucket, "bucket", "models", "bucket of the store")
	flag.StringVar(&o.prefix, "prefix", "aircache/tiny", "where the model is in it")
	flag.StringVar(&o.key, "key", "", "access key that the store wants; empty: none")
	flag.StringVar(&o.secret, "secret", "", "its secret")
	flag.Parse()
	if err := o.serve(); err != nil {
		log.Fatal(err)
	}
}

func (o *options) serve() error {
	files, err := read(o.dir)
	if err != nil {
		return err
	}
	store, err := o.store(files)
	if err != nil {
		return err
	}
	hub := &hubtest.Hub{Token: o.token}
	hub.AddRepo(o.repo, o.commit, files)
	ended := make(chan error, 2)
	go func() { ended <- http.ListenAndServe(o.hubAddr, hub) }()
	go func() { ended <- http.ListenAndServe(o.s3Addr, store) }()
	log.Printf("serving %d files of %s: hub on %s, store on %s", len(files), o.dir, o.hubAddr, o.s3Addr)
	return <-ended
}

func (o *options) store(files map[string][]byte) (http.Handler, error) {
	memory := s3mem.New()
	if err := memory.CreateBucket(context.Background(), o.bucket); err != nil {
		return nil, fmt.Errorf("making bucket %s: %w", o.bucket, err)
	}
	for name, content := range files {
		_, err := memory.PutObject(context.Background(), o.bucket, o.prefix+"/"+name, map[string]string{}, bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return nil, fmt.Errorf("keeping %s: %w", name, err)
		}
	}
	var wants []gofakes3.Option
	if o.key != "" {
		wants = append(wants, gofakes3.WithV4Auth(map[string]string{o.key: o.secret}))
	}
	return gofakes3.New(memory, wants...).Server(), nil
}

func read(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the model: %w", err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("reading the model: %w", err)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("reading the model: " + dir + " is empty")
	}
	return files, nil
}
