package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"aircache.dev/aircache/runtime/backend/cpu"
	"aircache.dev/aircache/runtime/eval"
	"aircache.dev/aircache/runtime/model"
)

// maxInstances of a model: the matrix library has buffers for so many callers.
const maxInstances = 48

// instances opens the same model several times, each on one thread: the answers then do not depend on their number.
type instances struct {
	folder      string
	kvBytes     int64
	bytes       int64 // of the weights of one
	fingerprint string
	backend     string
	reader      eval.Reader

	mu    sync.Mutex
	first eval.Subject // opened to read its configuration; nil once handed out
}

func openInstances(folder string, kvBytes int64) (*instances, error) {
	m := &instances{folder: folder, kvBytes: kvBytes}
	device, network, err := m.load()
	if err != nil {
		return nil, err
	}
	m.backend = device.Name()
	if m.reader, err = eval.OpenReader(folder, network.Config()); err != nil {
		return nil, err
	}
	if m.fingerprint, err = fingerprint(folder); err != nil {
		return nil, err
	}
	if m.bytes, err = weightBytes(folder); err != nil {
		return nil, err
	}
	m.first, err = eval.NewSubject(network, kvBytes, time.Now, device.Close)
	return m, err
}

func (m *instances) load() (*cpu.Backend, *model.LLaVA, error) {
	device, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		return nil, nil, err
	}
	network, err := model.Load(m.folder, device)
	return device, network, err
}

// open hands out the first instance, then new ones.
func (m *instances) open() (eval.Subject, error) {
	m.mu.Lock()
	first := m.first
	m.first = nil
	m.mu.Unlock()
	if first != nil {
		return first, nil
	}
	device, network, err := m.load()
	if err != nil {
		return nil, err
	}
	return eval.NewSubject(network, m.kvBytes, time.Now, device.Close)
}

// fingerprint is the folder's name and a digest of its files: their sizes and first 64 MiB, for weights of billions would take
// minutes to read.
func fingerprint(folder string) (string, error) {
	whole, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("reading the model's folder: %w", err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", fmt.Errorf("reading the model's folder: %w", err)
	}
	sum := sha256.New()
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".json" && ext != ".jinja" && ext != ".safetensors" {
			continue
		}
		if err := addToSum(sum, filepath.Join(folder, e.Name())); err != nil {
			return "", fmt.Errorf("reading the model's folder: %w", err)
		}
	}
	return fmt.Sprintf("%s@%x", filepath.Base(whole), sum.Sum(nil)[:6]), nil
}

// addToSum counts a file's size and its first 64 MiB.
func addToSum(sum io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(sum, "%s %d\n", filepath.Base(name), info.Size())
	_, err = io.CopyN(sum, f, min(info.Size(), 64<<20))
	return err
}
