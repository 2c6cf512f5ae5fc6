package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/hack/scale/fleet"
	"aircache.dev/aircache/hack/scale/rig"
)

// fastEvery is how many objects apart those are that the tuner looks at each 2 s; the others have the default of 15 s.
const fastEvery = 50

func isFast(i int) bool { return i%fastEvery == 0 }

// create makes all objects as fast as the API server takes them, and waits for their pods.
func (b *bench) create(ctx context.Context) error {
	var children atomic.Int64
	seen := sync.Map{}
	b.onChange(func(c rig.Change) {
		if name := c.Object.GetName(); !c.Gone {
			if _, ok := isChild(c, c.Object.GetLabels()["aircache.dev/deployment"]); ok {
				if _, known := seen.LoadOrStore(name, true); !known {
					children.Add(1)
				}
			}
		}
	})
	defer b.onChange(nil)
	begin := time.Now()
	group, _ := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range b.objects {
		replicas := int32((b.pods*(i+1))/b.objects - (b.pods*i)/b.objects)
		d := rig.Object(objectName(i), replicas, func(d *v1alpha1.AirCacheDeployment) {
			if isFast(i) {
				d.Spec.Tuning.IntervalSeconds = 2
			}
		})
		group.Go(func() error { return b.rig.Client.Create(ctx, d) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("creating objects: %w", err)
	}
	if err := fleet.Wait(ctx, 20*time.Millisecond, func() bool { return children.Load() >= int64(b.objects) }); err != nil {
		return fmt.Errorf("%d of %d objects have their Deployment: %w", children.Load(), b.objects, err)
	}
	b.results.ObjectsCreatedPerSecond = float64(b.objects) / time.Since(begin).Seconds()
	b.say("%d objects have their Deployments after %.1f s", b.objects, time.Since(begin).Seconds())
	if err := b.settle(ctx); err != nil {
		return err
	}
	b.results.ReadySeconds = time.Since(begin).Seconds()
	if err := b.calm(ctx, 20*time.Second); err != nil {
		return err
	}
	return b.profile(ctx)
}

// profile is taken while all objects are there and nothing happens, but for the tuner's looks.
func (b *bench) profile(ctx context.Context) error {
	now, peak, err := b.operator.Memory()
	if err != nil {
		return err
	}
	b.results.MemoryBytes, b.results.MemoryPeakBytes = now, peak
	if !b.profiles {
		return nil
	}
	if err := b.operator.Profile(ctx, "heap", filepath.Join(b.dir, "heap.pb.gz")); err != nil {
		return err
	}
	return b.operator.Profile(ctx, "profile?seconds=15", filepath.Join(b.dir, "cpu.pb.gz"))
}

// rest counts what the operator writes while nothing happens.
func (b *bench) rest(ctx context.Context) error {
	before, kindsBefore, err := b.writes()
	if err != nil {
		return err
	}
	if err := fleet.Pause(ctx, b.quiet); err != nil {
		return err
	}
	after, kinds, err := b.writes()
	if err != nil {
		return err
	}
	b.results.SteadyWrites, b.results.SteadySeconds = after-before, b.quiet.Seconds()
	for k, n := range kinds {
		if n -= kindsBefore[k]; n > 0 {
			b.say("written in steady state: %s, %d times", k, n)
		}
	}
	return nil
}

// betweenEdits is long enough for most of what an edit is followed by: pods that come and go, and what status says of them.
const betweenEdits = 500 * time.Millisecond

// editSpecs times spec edits, from sending the patch to hearing that the child has changed.
func (b *bench) editSpecs(ctx context.Context) error {
	var took []time.Duration
	for range b.edits {
		d, err := b.pick(ctx)
		if err != nil {
			return err
		}
		wanted := *d.Spec.Replicas%3 + 1
		arrived := make(chan time.Time, 1)
		b.onChange(func(c rig.Change) {
			if child, ok := isChild(c, d.Name); ok && ptr.Deref(child.Spec.Replicas, 0) == wanted {
				select {
				case arrived <- c.At:
				default:
				}
			}
		})
		begin := time.Now()
		if err := b.patch(ctx, d, func(d *v1alpha1.AirCacheDeployment) { d.Spec.Replicas = &wanted }); err != nil {
			return err
		}
		select {
		case at := <-arrived:
			took = append(took, at.Sub(begin))
		case <-ctx.Done():
			return fmt.Errorf("the child of %s did not follow: %w", d.Name, context.Cause(ctx))
		}
		if err := fleet.Pause(ctx, betweenEdits); err != nil {
			return err
		}
	}
	b.onChange(nil)
	b.results.Edit = summarize(took)
	return b.settle(ctx)
}

// pick is any object but the wide one.
func (b *bench) pick(ctx context.Context) (*v1alpha1.AirCacheDeployment, error) {
	d := &v1alpha1.AirCacheDeployment{}
	if err := b.rig.Client.Get(ctx, named(objectName(b.random.IntN(b.objects))), d); err != nil {
		return nil, fmt.Errorf("picking an object: %w", err)
	}
	return d, nil
}

func (b *bench) patch(ctx context.Context, d *v1alpha1.AirCacheDeployment, edit func(*v1alpha1.AirCacheDeployment)) error {
	before := d.DeepCopy()
	edit(d)
	if err := b.rig.Client.Patch(ctx, d, client.MergeFrom(before), client.FieldOwner("scale")); err != nil {
		return fmt.Errorf("editing %s: %w", d.Name, err)
	}
	return nil
}

// breach times from the moment that pods report KV pressure to the first lower ratio that one applies.
func (b *bench) breach(ctx context.Context) error {
	for _, fast := range []bool{true, false} {
		var names []types.NamespacedName
		for i := 0; i < b.objects && len(names) < 20; i++ {
			if i%2 == 0 && isFast(i) == fast {
				names = append(names, named(objectName(i)))
			}
		}
		took, err := b.press(ctx, names)
		if err != nil {
			return err
		}
		if fast {
			b.results.Breach2s = summarize(took)
		} else {
			b.results.Breach15s = summarize(took)
		}
	}
	return nil
}

func (b *bench) press(ctx context.Context, names []types.NamespacedName) ([]time.Duration, error) {
	lowered := map[types.NamespacedName]time.Time{}
	all := make(chan struct{})
	watched := map[types.NamespacedName]bool{}
	for _, n := range names {
		watched[n] = true
	}
	b.onApplied(func(a fleet.Applied) {
		n := types.NamespacedName{Namespace: a.Pod.Name.Namespace, Name: a.Pod.Deployment}
		if _, known := lowered[n]; known || !watched[n] || a.Ack.TargetPermille >= a.From {
			return
		}
		if lowered[n] = time.Now(); len(lowered) == len(names) {
			close(all)
		}
	})
	begin := time.Now()
	for _, n := range names {
		b.fleet.SetUsage(n, 0.95)
	}
	select {
	case <-all:
	case <-ctx.Done():
		return nil, fmt.Errorf("%d of %d objects were lowered: %w", len(lowered), len(names), context.Cause(ctx))
	}
	b.onApplied(nil)
	var took []time.Duration
	for _, n := range names {
		took = append(took, lowered[n].Sub(begin))
		b.fleet.SetUsage(n, 0.3)
	}
	return took, nil
}

// upgrade replaces the operator by one with another runtime image, and looks at the pods of 50 objects and at how fast it goes through all.
func (b *bench) upgrade(ctx context.Context) error {
	const watched = 50
	before := map[types.UID]bool{}
	for i := range min(watched, b.objects) {
		for _, p := range b.fleet.Pods(named(objectName(i))) {
			before[p.UID] = true
		}
	}
	b.image = rig.RuntimeImage("b")
	if err := b.replace(ctx); err != nil {
		return err
	}
	rate, err := b.rate(ctx, b.objects)
	if err != nil {
		return err
	}
	b.results.ReconcilesPerSecond = rate
	if err := b.calm(ctx, 10*time.Second); err != nil {
		return err
	}
	pods := &corev1.PodList{}
	if err := b.rig.Client.List(ctx, pods, client.InNamespace(rig.Namespace)); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	kept, restarts := 0, 0
	for i := range pods.Items {
		if before[pods.Items[i].UID] {
			kept++
			for _, c := range pods.Items[i].Status.ContainerStatuses {
				restarts += int(c.RestartCount)
			}
		}
	}
	b.results.UpgradeObjects, b.results.UpgradeReplacedPods, b.results.UpgradePods = min(watched, b.objects), len(before)-kept+restarts, len(before)
	return nil
}

// rate is how many objects a second a new operator goes through, from its first to its n-th reconcile.
func (b *bench) rate(ctx context.Context, n int) (float64, error) {
	var first, last time.Time
	var done, atFirst float64
	err := fleet.Wait(ctx, 50*time.Millisecond, func() bool {
		v, err := b.operator.Metric(ctx, "controller_runtime_reconcile_total")
		if err != nil || v == 0 {
			return false
		}
		if first.IsZero() {
			first, atFirst = time.Now(), v
		}
		done, last = v, time.Now()
		return v >= float64(n)
	})
	if err != nil {
		return 0, fmt.Errorf("%g of %d reconciles are done: %w", done, n, err)
	}
	if last.Equal(first) {
		return done / time.Since(b.operator.Started).Seconds(), nil
	}
	return (done - atFirst) / last.Sub(first).Seconds(), nil
}

const wide = "wide"

// widen gives one object all the pods again, and times a new ratio from the edit to each pod's acknowledgement.
func (b *bench) widen(ctx context.Context) error {
	d := rig.Object(wide, int32(b.pods), func(d *v1alpha1.AirCacheDeployment) {
		d.Spec.Tuning.Mode, d.Spec.Tuning.IntervalSeconds = v1alpha1.TuningFixed, 2
		d.Spec.Cache.Retention.Percent = ptr.To[int32](80)
	})
	if err := b.rig.Client.Create(ctx, d); err != nil {
		return fmt.Errorf("creating the wide object: %w", err)
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	if err := b.calm(ctx, 5*time.Second); err != nil {
		return err
	}
	var took []time.Duration
	var begin time.Time
	all := make(chan struct{})
	b.onApplied(func(a fleet.Applied) {
		if a.Pod.Deployment != wide || a.Ack.TargetPermille != 600 {
			return
		}
		if took = append(took, time.Since(begin)); len(took) == b.pods {
			close(all)
		}
	})
	begin = time.Now()
	if err := b.patch(ctx, d, func(d *v1alpha1.AirCacheDeployment) { d.Spec.Cache.Retention.Percent = ptr.To[int32](60) }); err != nil {
		return err
	}
	select {
	case <-all:
	case <-ctx.Done():
		return fmt.Errorf("%d of %d pods have the new ratio: %w", len(took), b.pods, context.Cause(ctx))
	}
	b.onApplied(nil)
	b.results.Ack = summarize(took)
	b.results.AckPods = b.pods
	b.results.AckSpreadMilliseconds = float64((took[len(took)-1] - took[0]).Microseconds()) / 1000
	if err := b.rig.Client.Delete(ctx, d); err != nil {
		return fmt.Errorf("deleting the wide object: %w", err)
	}
	return fleet.Wait(ctx, 250*time.Millisecond, func() bool { return len(b.fleet.Pods(named(wide))) == 0 })
}

// resyncAndCreate fills up to -resync objects with paused ones, which have no pods, starts the operator anew, and creates an object
// while the queue is full.
func (b *bench) resyncAndCreate(ctx context.Context) error {
	group, _ := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range b.resync - b.objects {
		d := rig.Object(fmt.Sprintf("paused-%05d", i), 1, func(d *v1alpha1.AirCacheDeployment) { d.Spec.Paused = true })
		group.Go(func() error { return b.rig.Client.Create(ctx, d) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("creating objects: %w", err)
	}
	if err := b.calm(ctx, 5*time.Second); err != nil {
		return err
	}
	if err := b.replace(ctx); err != nil {
		return err
	}
	var depth float64
	if err := fleet.Wait(ctx, 5*time.Millisecond, func() bool {
		depth, _ = b.operator.Metric(ctx, "workqueue_depth", "name=aircachedeployment")
		return depth > float64(b.resync)/2
	}); err != nil {
		return fmt.Errorf("the queue has %g objects: %w", depth, err)
	}
	arrived := make(chan time.Time, 1)
	b.onChange(func(c rig.Change) {
		if _, ok := isChild(c, "newcomer"); ok {
			select {
			case arrived <- c.At:
			default:
			}
		}
	})
	defer b.onChange(nil)
	begin := time.Now()
	if err := b.rig.Client.Create(ctx, rig.Object("newcomer", 1)); err != nil {
		return fmt.Errorf("creating the new object: %w", err)
	}
	select {
	case at := <-arrived:
		b.results.NewObjectMilliseconds = float64(at.Sub(begin).Microseconds()) / 1000
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	left, err := b.operator.Metric(ctx, "workqueue_depth", "name=aircachedeployment")
	b.results.ResyncObjects, b.results.QueueBefore, b.results.QueueAfter = b.resync, int(depth), int(left)
	return err
}
