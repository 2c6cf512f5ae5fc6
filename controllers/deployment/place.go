package deployment

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/placement"
	"aircache.dev/aircache/controllers/render"
)

// place spreads the wanted replicas over the pools, from what status remembers and the pods say. Status keeps whole seconds, so the
// decision counts in them too.
func place(object *v1alpha1.AirCacheDeployment, seen *world, pools []poolPlan, wanted int32, now time.Time) placement.Output {
	in := placement.Input{
		Now: now.Truncate(time.Second), Replicas: wanted,
		FallbackAfter: time.Duration(ptr.Deref(object.Spec.Placement.FallbackAfterSeconds, 180)) * time.Second,
		ReturnAfter:   time.Duration(max(object.Spec.Placement.ReturnAfterSeconds, 60)) * time.Second,
	}
	for _, pool := range pools {
		in.Types = append(in.Types, placedType(object, seen, pool))
	}
	return placement.Place(in)
}

func placedType(object *v1alpha1.AirCacheDeployment, seen *world, pool poolPlan) placement.Type {
	t := placement.Type{Name: pool.Name()}
	if pool.AnyOf == nil {
		t.Max = pool.Type.MaxReplicas
	}
	live, before := seen.deployments[pool.name], poolStatus(object.Status.Pools, pool.Name())
	if live != nil {
		t.Wanted = ptr.Deref(live.Spec.Replicas, 1)
		t.Ready = live.Status.ReadyReplicas
		t.Rolling = live.Status.UpdatedReplicas != live.Status.Replicas
	}
	if before != nil { // what was decided last, even when somebody else changed the Deployment since
		t.Wanted, t.Hold = before.DesiredReplicas, holdOf(before.Placement)
	}
	nodes := nodesOf(seen, pool.Pool)
	// A pod that ends makes room for one that waits; a rollout's extra pod has one beside it that serves.
	t.Stuck = max(0, min(nodes.unschedulable, t.Wanted-nodes.bound-nodes.ending))
	t.NoCapacity = min(nodes.noCapacity, t.Stuck)
	return t
}

// nodeSummary is what the pods of a pool say of their nodes.
type nodeSummary struct {
	bound, ending             int32
	unschedulable, noCapacity int32
	message                   string // of the autoscaler, else of the scheduler, about the first pod that it has no node for
	interrupted               bool   // pods of a type that may run on spot nodes were put off their nodes
}

func nodesOf(seen *world, pool render.Pool) nodeSummary {
	var s nodeSummary
	for i := range seen.pods {
		pod := &seen.pods[i]
		if pod.Labels[render.LabelPool] != pool.Name() {
			continue
		}
		s.interrupted = s.interrupted || mayBeSpot(pool) && wasDisrupted(pod)
		switch {
		case !pod.DeletionTimestamp.IsZero():
			if pod.Spec.NodeName != "" {
				s.ending++
			}
		case pod.Status.Phase == corev1.PodFailed, pod.Status.Phase == corev1.PodSucceeded: // its ReplicaSet has made another one
		case pod.Spec.NodeName != "":
			s.bound++
		case isUnschedulable(pod):
			s.unschedulable++
			word := seen.verdicts[pod.UID]
			if word != nil && word.noCapacity {
				s.noCapacity++
			}
			if word != nil && (s.message == "" || word.noCapacity) {
				s.message = word.message
			}
		}
	}
	return s
}

func isUnschedulable(pod *corev1.Pod) bool {
	c := podCondition(pod, corev1.PodScheduled)
	return c != nil && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable
}

func mayBeSpot(pool render.Pool) bool {
	for _, member := range pool.Members() {
		for _, c := range member.Type.CapacityTypes {
			if c == v1alpha1.Spot {
				return true
			}
		}
	}
	return false
}

// wasDisrupted tells whether a pod was put off its node, as happens when a spot node is taken back: drained, tainted, shut down, gone.
func wasDisrupted(pod *corev1.Pod) bool { return isTrue(pod, corev1.DisruptionTarget) }

func holdOf(p v1alpha1.PoolPlacement) placement.Hold {
	h := placement.Hold{Held: p.HeldReplicas != nil, Replicas: ptr.Deref(p.HeldReplicas, 0), Probing: p.Probing}
	if p.StuckTime != nil {
		h.StuckSince = p.StuckTime.Time
	}
	if p.RetryTime != nil {
		h.RetryAt = p.RetryTime.Time
	}
	return h
}

func placementOf(h placement.Hold) v1alpha1.PoolPlacement {
	p := v1alpha1.PoolPlacement{Probing: h.Probing}
	if h.Held {
		p.HeldReplicas, p.RetryTime = ptr.To(h.Replicas), ptr.To(metav1.NewTime(h.RetryAt))
	}
	if !h.StuckSince.IsZero() {
		p.StuckTime = ptr.To(metav1.NewTime(h.StuckSince))
	}
	return p
}
