package rig

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/hack/scale/fleet"
)

// View is the cluster as a watch tells it, newest state and every change.
type View struct {
	cache.Cache
	mu        sync.Mutex
	listeners []func(Change)
	failed    error
}

// Change is one object that came, changed or went.
type Change struct {
	At     time.Time
	Object client.Object
	Gone   bool
}

// Watch follows the test's namespace until ctx ends, and hands pods and tuning files to the fleet.
func (r *Rig) Watch(ctx context.Context, f *fleet.Fleet) (*View, error) {
	ctrl.SetLogger(logr.Discard()) // watches that end are part of the test
	c, err := cache.New(r.Config, cache.Options{Scheme: r.Client.Scheme(), DefaultNamespaces: map[string]cache.Config{Namespace: {}}, DefaultTransform: cache.TransformStripManagedFields()})
	if err != nil {
		return nil, fmt.Errorf("watching: %w", err)
	}
	v := &View{Cache: c}
	for _, kind := range []client.Object{&v1alpha1.AirCacheDeployment{}, &appsv1.Deployment{}, &corev1.Pod{}, &corev1.ConfigMap{}} {
		informer, err := c.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", kind, err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { v.tell(f, o, false) },
			UpdateFunc: func(_, o any) { v.tell(f, o, false) },
			DeleteFunc: func(o any) {
				if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
					o = last.Obj
				}
				v.tell(f, o, true)
			},
		}); err != nil {
			return nil, fmt.Errorf("watching %T: %w", kind, err)
		}
	}
	go func() { _ = c.Start(ctx) }() // ends with ctx
	if !c.WaitForCacheSync(ctx) {
		return nil, errors.New("watching: the first lists did not come")
	}
	return v, nil
}

func (v *View) tell(f *fleet.Fleet, o any, gone bool) {
	object, ok := o.(client.Object)
	if !ok {
		return
	}
	var err error
	switch object := object.(type) {
	case *corev1.Pod:
		if gone {
			f.Gone(object)
		} else {
			err = f.Saw(object)
		}
	case *corev1.ConfigMap:
		if !gone {
			f.SawConfigMap(object)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failed = errors.Join(v.failed, err)
	for _, listener := range v.listeners {
		listener(Change{time.Now(), object, gone})
	}
}

// OnChange has a function hear of every change from now on, one after the other. It must be quick.
func (v *View) OnChange(listener func(Change)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.listeners = append(v.listeners, listener)
}

// Err is what could not be played.
func (v *View) Err() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.failed
}

// Objects are all AirCacheDeployments of the test.
func (v *View) Objects(ctx context.Context) ([]v1alpha1.AirCacheDeployment, error) {
	list := &v1alpha1.AirCacheDeploymentList{}
	if err := v.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing AirCacheDeployments: %w", err)
	}
	return list.Items, nil
}

// Unsettled says what an object still lacks; nothing when the operator is done with it and its pods have their retention.
func Unsettled(d *v1alpha1.AirCacheDeployment, pods []fleet.State) string {
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	switch ready := apimeta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady); {
	case d.Status.ObservedGeneration != d.Generation:
		return fmt.Sprintf("generation %d was not observed, %d was", d.Generation, d.Status.ObservedGeneration)
	case ready == nil || ready.Status != "True":
		return fmt.Sprintf("not Ready: %+v", ready)
	case apimeta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReconciling) != nil:
		return "Reconciling: " + apimeta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReconciling).Message
	case d.Status.ReadyReplicas != wanted || len(pods) != int(wanted):
		return fmt.Sprintf("%d pods are ready in status, %d run, %d are wanted", d.Status.ReadyReplicas, len(pods), wanted)
	}
	for _, p := range pods {
		pool := poolOf(d, p.Pool)
		if pool == nil || p.Ack.TargetPermille != pool.Tuning.TargetPermille || p.Ack.Revision != pool.Tuning.Revision {
			return fmt.Sprintf("pod %s applies %d permille, revision %d; status says %+v", p.Name.Name, p.Ack.TargetPermille, p.Ack.Revision, pool)
		}
	}
	return ""
}

func poolOf(d *v1alpha1.AirCacheDeployment, name string) *v1alpha1.PoolStatus {
	for i := range d.Status.Pools {
		if d.Status.Pools[i].Name == name {
			return &d.Status.Pools[i]
		}
	}
	return nil
}

// Settle waits until every object is settled, and says at the end which ones are not.
func (v *View) Settle(ctx context.Context, f *fleet.Fleet) error {
	var left map[string]string
	err := fleet.Wait(ctx, 250*time.Millisecond, func() bool {
		if v.Err() != nil {
			return true // a pod that is not played will not settle
		}
		objects, err := v.Objects(ctx)
		if err != nil {
			return false
		}
		pods := map[types.NamespacedName][]fleet.State{}
		for _, p := range f.Pods(types.NamespacedName{}) {
			name := types.NamespacedName{Namespace: p.Name.Namespace, Name: p.Deployment}
			pods[name] = append(pods[name], p)
		}
		left = map[string]string{}
		for i := range objects {
			if objects[i].Spec.Paused {
				continue
			}
			if why := Unsettled(&objects[i], pods[client.ObjectKeyFromObject(&objects[i])]); why != "" {
				left[objects[i].Name] = why
			}
		}
		return len(left) == 0
	})
	if err == nil {
		return v.Err()
	}
	for name, why := range left {
		return fmt.Errorf("%d objects are not settled: %w; %s: %s", len(left), err, name, why)
	}
	return err
}
