package tuning

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/directive"
	"aircache.dev/aircache/controllers/observe"
)

const (
	// tick is how exactly the intervals of 2 s and more are kept.
	tick = 250 * time.Millisecond
	// maxRounds is how many objects are looked at in the same moment. Each holds the metrics of
	// its pods, about 40 KiB of text a pod while it is read.
	maxRounds = 128
	// changesBuffer is room for objects that change before the reconciler has started.
	changesBuffer = 1024
	// staleLooks is how many intervals old metrics may be, as for the tuner.
	staleLooks = 2
)

// Config is what a Loop works with. All fields are needed.
type Config struct {
	Reader  client.Reader // the cache
	Clock   clock.WithTicker
	Scraper *observe.Scraper
	Pusher  *directive.Pusher
	Address Address
	Metrics *Metrics
	Log     logr.Logger
}

// Loop is the runnable.
type Loop struct {
	Config
	slots   chan struct{}
	changes chan event.GenericEvent

	mu      sync.Mutex
	started bool // the first list has been seen
	objects map[types.UID]*object
}

var _ deployment.TuningSource = (*Loop)(nil)

// New is a Loop that remembers nothing yet.
func New(c Config) *Loop {
	return &Loop{
		Config: c, slots: make(chan struct{}, maxRounds), changes: make(chan event.GenericEvent, changesBuffer),
		objects: map[types.UID]*object{},
	}
}

// Address is where to reach a port of a pod: "http://10.1.2.3:8000".
type Address func(pod *corev1.Pod, port int) string

// object is what the loop remembers of an AirCacheDeployment. Between begin and end of a
// round it belongs to that round; due, busy and result belong to the Loop's mutex.
type object struct {
	name  types.NamespacedName
	pools map[string]*pool
	view  *view

	due  time.Time
	busy bool
	// generation of the spec that was looked at last; 0 before the first look. edited: the round that runs is the first with another one.
	generation int64
	edited     bool
	result     deployment.TuningResult
	known      bool // there is a result
}

// NeedLeaderElection says that only the leader tunes.
func (l *Loop) NeedLeaderElection() bool { return true }

// Get is the newest result of an object.
func (l *Loop) Get(uid types.UID) (deployment.TuningResult, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.objects[uid]
	if o == nil || !o.known {
		return deployment.TuningResult{}, false
	}
	return o.result, true
}

// Changes sends the objects whose result differs.
func (l *Loop) Changes() <-chan event.GenericEvent { return l.changes }

// Start looks at the objects until ctx ends, and returns when the last round has.
func (l *Loop) Start(ctx context.Context) error {
	ticker := l.Clock.NewTicker(tick)
	defer ticker.Stop()
	var rounds sync.WaitGroup
	defer rounds.Wait()
	for {
		due, err := l.due(ctx)
		if err != nil && ctx.Err() == nil {
			l.Log.Error(err, "looking for objects to tune")
		}
		for _, d := range due {
			rounds.Go(func() { l.round(ctx, d) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// due lists the objects whose interval is over, marks them busy and forgets those that are gone.
func (l *Loop) due(ctx context.Context) ([]*v1alpha1.AirCacheDeployment, error) {
	list := &v1alpha1.AirCacheDeploymentList{}
	// Four times a second over all objects: they are only looked at, so the cache's own will do.
	if err := l.Reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing AirCacheDeployments: %w", err)
	}
	now := l.Clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	var due []*v1alpha1.AirCacheDeployment
	alive := make(map[types.UID]bool, len(list.Items))
	for i := range list.Items {
		d := &list.Items[i]
		if !d.DeletionTimestamp.IsZero() {
			continue
		}
		alive[d.UID] = true
		o := l.objects[d.UID]
		if o == nil {
			o = &object{name: client.ObjectKeyFromObject(d), pools: map[string]*pool{}, view: viewFrom(&d.Status), due: l.firstLook(d, now)}
			l.objects[d.UID] = o
		}
		edited := o.generation != 0 && o.generation != d.Generation
		if edited {
			o.due = now // an edited spec does not wait for the rhythm
		}
		if o.busy || now.Before(o.due) || d.Spec.Paused {
			continue
		}
		o.generation, o.edited = d.Generation, edited
		o.busy, o.due = true, nextLook(o.due, now, interval(d))
		due = append(due, d.DeepCopy())
	}
	l.forget(alive)
	l.started = true
	return due, nil
}

// firstLook is at once for an object that comes, and spread over its interval for those that
// are there when the operator starts.
func (l *Loop) firstLook(d *v1alpha1.AirCacheDeployment, now time.Time) time.Time {
	if l.started {
		return now
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(d.UID))
	return now.Add(time.Duration(h.Sum64()>>1) % interval(d))
}

// nextLook keeps the rhythm, also when looks were missed: if all objects that were late started anew together, they would stay together.
func nextLook(due, now time.Time, interval time.Duration) time.Time {
	return due.Add(interval * (1 + max(0, now.Sub(due))/interval))
}

// forget drops objects that are gone. One whose round still runs is dropped after it.
func (l *Loop) forget(alive map[types.UID]bool) {
	for uid, o := range l.objects {
		if !alive[uid] && !o.busy {
			l.Metrics.forget(o.name)
			delete(l.objects, uid)
		}
	}
}

// round runs one round of one object and makes its result known.
func (l *Loop) round(ctx context.Context, d *v1alpha1.AirCacheDeployment) {
	l.slots <- struct{}{}
	defer func() { <-l.slots }()
	l.mu.Lock()
	o := l.objects[d.UID]
	l.mu.Unlock()

	result, changed, err := l.look(ctx, d, o)
	if err != nil && ctx.Err() == nil {
		l.Log.Error(err, "tuning", "object", o.name)
	}
	l.mu.Lock()
	o.busy = false
	if changed {
		o.result, o.known = result, true
	}
	l.mu.Unlock()
	if !changed {
		return
	}
	notice := &v1alpha1.AirCacheDeployment{}
	notice.Namespace, notice.Name = d.Namespace, d.Name
	select {
	case l.changes <- event.GenericEvent{Object: notice}:
	case <-ctx.Done():
	}
}
