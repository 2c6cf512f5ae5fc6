package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/runtime/control"
)

// Applied is a pod that changed its retention.
type Applied struct {
	Pod  *Pod
	Ack  control.Ack
	From int32 // permille before
}

// Fleet is every pretended runtime. Feed it pods and tuning ConfigMaps as they change.
type Fleet struct {
	Clock clock.PassiveClock
	// OnApplied, if set, hears of every change; it must not call the Fleet.
	OnApplied func(Applied)

	server *http.Server
	mu     sync.Mutex
	byUID  map[types.UID]*Pod
	byIP   map[string]*Pod
	files  map[types.NamespacedName]*corev1.ConfigMap
}

// New is a Fleet without pods. Close it.
func New(c clock.PassiveClock) *Fleet {
	f := &Fleet{Clock: c, byUID: map[types.UID]*Pod{}, byIP: map[string]*Pod{}, files: map[types.NamespacedName]*corev1.ConfigMap{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", f.metrics)
	mux.HandleFunc("PUT /v1/tuning", f.tuning)
	f.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return f
}

// Close ends all pods.
func (f *Fleet) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.byUID {
		f.end(p)
	}
	return f.server.Close()
}

// Saw takes a pod in, or its end. A pod runs from the moment that it is Ready to the one in which it is marked for deletion.
func (f *Fleet) Saw(pod *corev1.Pod) error {
	if pod.Labels[render.LabelDeployment] == "" {
		return nil
	}
	if !isUp(pod) {
		f.Gone(pod)
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byUID[pod.UID] != nil {
		return nil
	}
	p, err := newPod(pod, f.Clock.Now())
	if err != nil {
		return err
	}
	if old := f.byIP[p.IP]; old != nil {
		f.end(old) // its address was given anew before its end was seen
	}
	for _, port := range []int{render.HTTPPort, render.ControlPort} {
		listener, err := net.Listen("tcp", net.JoinHostPort(p.IP, strconv.Itoa(port)))
		if err != nil {
			f.end(p)
			return fmt.Errorf("playing pod %s: %w", p.Name, err)
		}
		p.close = append(p.close, listener)
		go func() { _ = f.server.Serve(listener) }() // ends when the listener is closed
	}
	f.byUID[p.UID], f.byIP[p.IP] = p, p
	f.read(p, f.files[types.NamespacedName{Namespace: pod.Namespace, Name: render.TuningName(p.Deployment)}])
	return nil
}

func isUp(pod *corev1.Pod) bool {
	if !pod.DeletionTimestamp.IsZero() || pod.Status.PodIP == "" {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Gone ends a pod.
func (f *Fleet) Gone(pod *corev1.Pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.byUID[pod.UID]; p != nil {
		f.end(p)
	}
}

func (f *Fleet) end(p *Pod) {
	for _, c := range p.close {
		_ = c.Close()
	}
	delete(f.byUID, p.UID)
	if f.byIP[p.IP] == p {
		delete(f.byIP, p.IP)
	}
}

// SawConfigMap hands a tuning ConfigMap to the pods that mount it.
func (f *Fleet) SawConfigMap(file *corev1.ConfigMap) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := types.NamespacedName{Namespace: file.Namespace, Name: file.Name}
	f.files[name] = file
	for _, p := range f.byUID {
		if p.Name.Namespace == file.Namespace && render.TuningName(p.Deployment) == file.Name {
			f.read(p, file)
		}
	}
}

// read is the pod's look at its mounted file. What it refuses it refuses without a word, as a real one logs it only.
func (f *Fleet) read(p *Pod, file *corev1.ConfigMap) {
	if file == nil {
		return
	}
	if text, ok := file.Data[render.TuningKey(p.Pool)]; ok {
		from := p.applied.TargetPermille
		if ack, changed, err := p.take(strings.NewReader(text), f.Clock.Now()); err == nil && changed {
			f.applied(p, ack, from)
		}
	}
}

func (f *Fleet) applied(p *Pod, ack control.Ack, from int32) {
	if f.OnApplied != nil {
		f.OnApplied(Applied{p, ack, from})
	}
}

// caller finds the pod whose address was called.
func (f *Fleet) caller(r *http.Request) *Pod {
	address, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if address == nil {
		return nil
	}
	return f.byIP[address.IP.String()]
}

func (f *Fleet) metrics(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	p := f.caller(r)
	var v values
	if p != nil {
		p.served++ // one more prompt at each look
		p.kept += int64(p.applied.TargetPermille)
		v = p.values()
	}
	f.mu.Unlock()
	if p == nil {
		gone(w)
		return
	}
	var body bytes.Buffer
	body.Grow(len(shared.page))
	shared.write(&body, v)
	w.Header().Set("Content-Type", string(format))
	_, _ = w.Write(body.Bytes()) // the caller may have gone
}

// gone answers on a connection that outlived its pod.
func gone(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusServiceUnavailable)
}

func (f *Fleet) tuning(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.caller(r)
	if p == nil {
		gone(w)
		return
	}
	from := p.applied.TargetPermille
	ack, changed, err := p.take(r.Body, f.Clock.Now())
	if changed {
		f.applied(p, ack, from)
	}
	var refusal *control.Error
	switch {
	case errors.As(err, &refusal):
		w.WriteHeader(refusal.Status())
		_ = json.NewEncoder(w).Encode(control.ErrorBody{Error: refusal})
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	default:
		_ = json.NewEncoder(w).Encode(ack)
	}
}

// State is what a pod applies now.
type State struct {
	*Pod
	Ack control.Ack
}

// Pods are the running pods of an object; of all objects when it has no name.
func (f *Fleet) Pods(object types.NamespacedName) []State {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []State
	for _, p := range f.byUID {
		if object.Name == "" || p.Deployment == object.Name && p.Name.Namespace == object.Namespace {
			list = append(list, State{p, p.applied})
		}
	}
	return list
}

// SetUsage is the share of the KV pool that the pods of an object say they use.
func (f *Fleet) SetUsage(object types.NamespacedName, usage float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.byUID {
		if p.Deployment == object.Name && p.Name.Namespace == object.Namespace {
			p.usage = usage
		}
	}
}

// Wait polls until holds does or ctx ends.
func Wait(ctx context.Context, every time.Duration, holds func() bool) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}

// Pause lets a time pass, unless ctx ends first.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
