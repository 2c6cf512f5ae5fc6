package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/hack/scale/fleet"
	"aircache.dev/aircache/hack/scale/rig"
)

// make makes one fault, and takes back what lasts. What is not there to be broken (a child that was deleted just before) is no error.
func (c *chaos) make(ctx context.Context, f fault) error {
	acts := map[kind]func(context.Context, fault) error{
		killLeader: c.killLeader, killFollower: c.killFollower,
		stopAPIServer: c.endProcess("kube-apiserver", syscall.SIGTERM), killAPIServer: c.endProcess("kube-apiserver", syscall.SIGKILL), slowEtcd: c.slowEtcd,
		cutWatches: c.cutWatches, blockOperators: c.blockOperators,
		editDeployment: c.editDeployment, forgeTuning: c.forgeTuning, removeLabels: c.removeLabels, deleteChild: c.deleteChild,
		killPods: c.killPods, drainNode: c.drainNode, editSpec: c.editSpec, pressPods: c.pressPods,
	}
	err := acts[f.Kind](ctx, f)
	for try := 0; err != nil && isAway(err) && try < 5; try++ { // an API server that ends lets requests in for a moment yet
		if err = c.awaitAPIServer(ctx); err == nil {
			err = acts[f.Kind](ctx, f)
		}
	}
	return err
}

// isAway tells an API server that is not there from one that refuses.
func isAway(err error) bool {
	return apierrors.ReasonForError(err) == metav1.StatusReasonUnknown || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) ||
		apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err)
}

func (c *chaos) killLeader(ctx context.Context, _ fault) error   { return c.killOperator(ctx, true) }
func (c *chaos) killFollower(ctx context.Context, _ fault) error { return c.killOperator(ctx, false) }

// killOperator kills one that leads, or one that does not, and starts it anew. While nobody leads yet the first one counts as both.
func (c *chaos) killOperator(ctx context.Context, leading bool) error {
	victim := operatorNames[0]
	for _, name := range operatorNames {
		if c.operator(name).Leads(ctx) == leading {
			victim = name
		}
	}
	c.ending.Lock()
	defer c.ending.Unlock()
	c.operator(victim).Kill()
	return c.startOperator(victim)
}

// endProcess ends one of the lab's components, which the lab starts again.
func (c *chaos) endProcess(name string, signal syscall.Signal) func(context.Context, fault) error {
	return func(ctx context.Context, _ fault) error {
		pid, err := component(c.rig.LabDir, name)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, signal); err != nil {
			return fmt.Errorf("ending %s: %w", name, err)
		}
		return c.awaitAPIServer(ctx)
	}
}

// slowEtcd stops etcd for a third of each second.
func (c *chaos) slowEtcd(ctx context.Context, f fault) error {
	pid, err := component(c.rig.LabDir, "etcd")
	if err != nil {
		return err
	}
	for end := time.Now().Add(f.For); time.Now().Before(end) && err == nil; {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		err = fleet.Pause(ctx, 330*time.Millisecond)
		_ = syscall.Kill(pid, syscall.SIGCONT)
		if err == nil {
			err = fleet.Pause(ctx, 670*time.Millisecond)
		}
	}
	if err != nil {
		return err
	}
	return c.awaitAPIServer(ctx)
}

// awaitAPIServer waits until this side's own faults can be made again; operators have to cope meanwhile.
func (c *chaos) awaitAPIServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("a minute is over"))
	defer cancel()
	return fleet.Wait(ctx, 250*time.Millisecond, func() bool {
		return c.rig.Client.List(ctx, &v1alpha1.AirCacheDeploymentList{}, client.InNamespace(rig.Namespace), client.Limit(1)) == nil
	})
}

func (c *chaos) cutWatches(context.Context, fault) error {
	c.proxy.cut(false)
	return nil
}

func (c *chaos) blockOperators(ctx context.Context, f fault) error {
	c.proxy.cut(true)
	defer c.proxy.admit()
	return fleet.Pause(ctx, f.For)
}

// editDeployment changes what the operator wants, as somebody with kubectl edit does.
func (c *chaos) editDeployment(ctx context.Context, f fault) error {
	return c.edit(ctx, render.DeploymentName(objectName(f.Object), "cpu"), &appsv1.Deployment{}, func(o client.Object) {
		d := o.(*appsv1.Deployment)
		if f.Number%2 == 0 {
			d.Spec.Template.Spec.Containers[0].Image = rig.RuntimeImage("f")
		} else {
			d.Spec.Replicas = ptr.To(int32(f.Number % 5))
		}
	})
}

// forgeTuning writes a value below every floor without a signature.
func (c *chaos) forgeTuning(ctx context.Context, f fault) error {
	return c.edit(ctx, render.TuningName(objectName(f.Object)), &corev1.ConfigMap{}, func(o client.Object) {
		o.(*corev1.ConfigMap).Data[render.TuningKey("cpu")] = fmt.Sprintf(`{"uid":"","pool":"cpu","revision":%d,"epoch":%d,"targetPermille":1,"floorPermille":1}`, 1<<40+f.Number, 1<<30)
	})
}

func (c *chaos) removeLabels(ctx context.Context, f fault) error {
	name, child := c.child(f)
	return c.edit(ctx, name, child, func(o client.Object) { o.SetLabels(nil) })
}

func (c *chaos) deleteChild(ctx context.Context, f fault) error {
	name, child := c.child(f)
	child.SetNamespace(rig.Namespace)
	child.SetName(name)
	return client.IgnoreNotFound(c.rig.Client.Delete(ctx, child, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}

// child is one of an object's, by the fault's number.
func (c *chaos) child(f fault) (string, client.Object) {
	object := objectName(f.Object)
	switch f.Number % 4 {
	case 0:
		return render.DeploymentName(object, "cpu"), &appsv1.Deployment{}
	case 1:
		return render.ServiceName(object), &corev1.Service{}
	case 2:
		return object + "-pods", &policyv1.PodDisruptionBudget{}
	default:
		return render.TuningName(object), &corev1.ConfigMap{}
	}
}

func (c *chaos) edit(ctx context.Context, name string, o client.Object, change func(client.Object)) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := c.rig.Client.Get(ctx, types.NamespacedName{Namespace: rig.Namespace, Name: name}, o); err != nil {
			return err
		}
		change(o)
		return c.rig.Client.Update(ctx, o)
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // it is being made anew, or the operator was faster each time
		return nil
	}
	return err
}

// killPods takes pods away at once, up to three.
func (c *chaos) killPods(ctx context.Context, f fault) error {
	list := &corev1.PodList{}
	if err := c.rig.Client.List(ctx, list, client.InNamespace(rig.Namespace), client.MatchingLabels(render.PodSelector(objectName(f.Object)))); err != nil {
		return err
	}
	for i := range min(1+f.Number%3, len(list.Items)) {
		if err := client.IgnoreNotFound(c.rig.Client.Delete(ctx, &list.Items[i], client.GracePeriodSeconds(0))); err != nil {
			return err
		}
	}
	return nil
}

// drainNode lets no pod start on a node for a while and evicts those that run there, as far as budgets allow.
func (c *chaos) drainNode(ctx context.Context, f fault) error {
	nodes := &corev1.NodeList{}
	if err := c.rig.Client.List(ctx, nodes); err != nil {
		return err
	}
	slices.SortFunc(nodes.Items, func(a, b corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	name := nodes.Items[f.Number%len(nodes.Items)].Name
	if err := c.cordon(ctx, name, true); err != nil {
		return err
	}
	pods := &corev1.PodList{}
	if err := c.rig.Client.List(ctx, pods, client.InNamespace(rig.Namespace)); err != nil {
		return err
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.Spec.NodeName == name {
			err := c.rig.Client.SubResource("eviction").Create(ctx, p, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}})
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsTooManyRequests(err) {
				return fmt.Errorf("evicting %s: %w", p.Name, err)
			}
		}
	}
	if err := fleet.Pause(ctx, f.For); err != nil {
		return err
	}
	return c.cordon(ctx, name, false)
}

func (c *chaos) cordon(ctx context.Context, name string, yes bool) error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	patch := fmt.Sprintf(`{"spec":{"unschedulable":%t}}`, yes)
	return c.rig.Client.Patch(ctx, node, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// editSpec is the one who may: replicas, and how full the cache may be.
func (c *chaos) editSpec(ctx context.Context, f fault) error {
	d := &v1alpha1.AirCacheDeployment{}
	err := c.edit(ctx, objectName(f.Object), d, func(o client.Object) {
		spec := &o.(*v1alpha1.AirCacheDeployment).Spec
		spec.Replicas = ptr.To(int32(1 + f.Number%3))
		spec.Objectives.KVUtilizationPercent = ptr.To(int32(70 + f.Number%20))
	})
	if err == nil && d.UID != "" {
		c.held.userWrote(d)
	}
	return err
}

// pressPods lets an object's pods say that their cache is full, and then that it is not.
func (c *chaos) pressPods(ctx context.Context, f fault) error {
	name := types.NamespacedName{Namespace: rig.Namespace, Name: objectName(f.Object)}
	const full, easy = 0.97, 0.3
	c.fleet.SetUsage(name, full)
	defer c.fleet.SetUsage(name, easy)
	return fleet.Pause(ctx, f.For)
}
