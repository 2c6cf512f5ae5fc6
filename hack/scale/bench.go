package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"aircache.dev/aircache/hack/lab/audit"
	"aircache.dev/aircache/hack/scale/fleet"
	"aircache.dev/aircache/hack/scale/rig"
)

// bench is a run under way.
type bench struct {
	options
	rig      *rig.Rig
	fleet    *fleet.Fleet
	view     *rig.View
	operator *rig.Operator
	random   *rand.Rand
	started  time.Time
	results  results
	image    string // the runtime image that the operator was started with

	mu      sync.Mutex
	applied func(fleet.Applied)
	changed func(rig.Change)
}

// phase is one part of the run.
type phase struct {
	name string
	do   func(*bench, context.Context) error
}

var phases = []phase{
	{"create the objects", (*bench).create},
	{"look for writes while nothing happens", (*bench).rest},
	{"edit specs", (*bench).editSpecs},
	{"put KV pressure on pods", (*bench).breach},
	{"upgrade the operator", (*bench).upgrade},
	{"change the ratio of one wide object", (*bench).widen},
	{"create an object during a resync", (*bench).resyncAndCreate},
}

func begin(ctx context.Context, o options) (*bench, error) {
	r, err := rig.Connect(o.repo, o.dir)
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, rig: r, fleet: fleet.New(clock.RealClock{}), random: rand.New(rand.NewPCG(1, 1)), started: time.Now(), image: rig.RuntimeImage("a")}
	b.fleet.OnApplied = func(a fleet.Applied) { b.hook(func() { b.call(a) }) }
	if err := r.Prepare(ctx, 2*o.pods+o.edits+100); err != nil {
		return nil, err
	}
	if b.view, err = r.Watch(ctx, b.fleet); err != nil {
		return nil, err
	}
	b.view.OnChange(func(c rig.Change) {
		b.hook(func() {
			if b.changed != nil {
				b.changed(c)
			}
		})
	})
	if b.operator, err = r.Start("operator", b.arguments()...); err != nil {
		return nil, err
	}
	return b, b.operator.Ready(ctx)
}

func (b *bench) hook(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *bench) call(a fleet.Applied) {
	if b.applied != nil {
		b.applied(a)
	}
}

func (b *bench) onApplied(f func(fleet.Applied)) { b.hook(func() { b.applied = f }) }
func (b *bench) onChange(f func(rig.Change))     { b.hook(func() { b.changed = f }) }

func (b *bench) arguments() []string {
	return []string{"--runtime-image=" + b.image, "--log-level=info"}
}

func (b *bench) end() {
	b.operator.Stop()
	_ = b.fleet.Close() // all its listeners die with the program
}

func (b *bench) run(ctx context.Context, p phase) error {
	begin := time.Now()
	b.say("%s ...", p.name)
	if err := p.do(b, ctx); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	b.say("%s: done in %.1f s", p.name, time.Since(begin).Seconds())
	return nil
}

func (b *bench) say(format string, args ...any) {
	fmt.Printf("scale: %7.1f s  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

// replace ends the operator and starts one anew, perhaps with another runtime image.
func (b *bench) replace(ctx context.Context) error {
	b.operator.Stop()
	var err error
	if b.operator, err = b.rig.Start("operator", b.arguments()...); err != nil {
		return err
	}
	return b.operator.Ready(ctx)
}

func (b *bench) writes() (int, map[string]int, error) {
	requests, err := b.rig.Requests()
	if err != nil {
		return 0, nil, err
	}
	count, kinds := 0, map[string]int{}
	for _, r := range requests {
		if rig.IsWrite(r) {
			count++
			kinds[kind(r)]++
		}
	}
	return count, kinds, nil
}

func kind(r audit.Request) string {
	resource := r.Resource
	if r.Subresource != "" {
		resource += "/" + r.Subresource
	}
	return r.Verb + " " + resource
}

// isChild tells whether a change is about the Deployment of an object's only pool.
func isChild(c rig.Change, object string) (*appsv1.Deployment, bool) {
	d, ok := c.Object.(*appsv1.Deployment)
	return d, ok && !c.Gone && d.Name == object+"-cpu"
}

func named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: rig.Namespace, Name: name}
}

func objectName(i int) string { return fmt.Sprintf("docs-%04d", i) }

// patience is one phase's wait for the cluster to settle; the whole run's limit is the sharper one.
const patience = 15 * time.Minute

func (b *bench) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s are over", patience))
	defer cancel()
	return b.view.Settle(ctx, b.fleet)
}

// calm waits until the operator has written nothing for a while.
func (b *bench) calm(ctx context.Context, quiet time.Duration) error {
	last, _, err := b.writes()
	since := time.Now()
	for err == nil && time.Since(since) < quiet {
		if err = fleet.Pause(ctx, time.Second); err != nil {
			break
		}
		var now int
		if now, _, err = b.writes(); now != last {
			last, since = now, time.Now()
		}
	}
	return err
}
