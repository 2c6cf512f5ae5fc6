package deployment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// FieldManager owns the fields of the children that the operator applies.
const FieldManager = "aircache-operator"

// conflictRetry is how soon a name that someone else holds is looked at again: such an object is not watched.
const conflictRetry = 30 * time.Second

// staleRetry is how soon the object is read again when the cache was behind.
const staleRetry = 100 * time.Millisecond

// Reconciler makes the children of AirCacheDeployments what their specs say. All fields but Namespaces are needed.
type Reconciler struct {
	Client   client.Client // reads from the cache
	Live     client.Reader // reads from the API server: children without our labels are not in the cache
	Events   events.EventRecorder
	Tuning   TuningSource
	Clock    clock.PassiveClock
	Operator render.Operator
	// Namespaces reads their metadata from the cache; nil for an operator that is held to some namespaces, which may not.
	Namespaces client.Reader

	written sync.Map // types.UID -> the resourceVersion of our last write of status
	missing missing
}

// Reconcile runs the phases for one object.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	object := &v1alpha1.AirCacheDeployment{}
	if err := r.Client.Get(ctx, request.NamespacedName, object); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !object.DeletionTimestamp.IsZero() {
		r.written.Delete(object.UID)
		r.missing.forget(object.UID)
		return reconcile.Result{}, nil // the garbage collector takes the children
	}
	if r.isBehind(object) {
		return reconcile.Result{RequeueAfter: staleRetry}, nil
	}
	seen, err := r.gather(ctx, object)
	if err != nil {
		return reconcile.Result{}, err
	}
	p := makePlan(object, seen, r.Operator, r.Clock.Now())
	if err := p.pinTemplates(object, seen); err != nil {
		return reconcile.Result{}, err
	}
	p.rollOut(object, seen, r.Clock.Now())
	p.retire(object, seen, r.Clock.Now())
	r.missing.awaitCollector(object.UID, p, seen, r.Clock.Now())
	switch {
	case p.stalled != nil: // the children stay as they are
	case p.paused:
		p.pending, err = pending(object, seen, p)
	default:
		err = r.apply(ctx, object, seen, p)
	}
	if refused := refusal(err); refused != nil {
		p.stalled = refused
	} else if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: staleRetry}, nil
	} else if err != nil {
		return reconcile.Result{}, err // observedGeneration stays behind, which says that we are not done
	}
	reportErr := client.IgnoreNotFound(r.report(ctx, object, seen, p)) // not found: it was deleted meanwhile
	if apierrors.IsConflict(reportErr) {
		return reconcile.Result{RequeueAfter: staleRetry}, nil
	}
	result := reconcile.Result{RequeueAfter: p.lookAgain}
	if p.stalled != nil && p.stalled.reason == v1alpha1.ReasonNameConflict {
		result.RequeueAfter = conflictRetry
	}
	return result, errors.Join(err, reportErr)
}

// isBehind tells whether the cache has not seen our own last write yet. What that write remembers of placement must not be forgotten,
// or a pod that was just moved is moved back for a moment.
func (r *Reconciler) isBehind(object *v1alpha1.AirCacheDeployment) bool {
	last, known := r.written.Load(object.UID)
	if !known {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(object.ResourceVersion, last.(string))
	return err == nil && order < 0
}

// refusal is the finding that belongs to an error of the API server which no retry cures by itself.
func refusal(err error) *finding {
	switch {
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), exceededQuota):
		return &finding{v1alpha1.ReasonQuotaExceeded, err.Error()}
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err):
		return &finding{v1alpha1.ReasonInvalidChild, fmt.Sprintf("the API server refuses a child: %v", err)}
	}
	return nil
}
