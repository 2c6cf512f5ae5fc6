package deployment

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
)

// keptRevisions is how many templates are kept beside those that pods still run, for spec to go back to.
const keptRevisions = 2

// revision is a template that was in force once.
type revision struct {
	render.Template
	number int64
	live   *appsv1.ControllerRevision
}

// gatherRevisions reads the templates of all pools. One without an owner was left by an object of this name that is gone; it is of no
// use, for its pods would obey another UID.
func (r *Reconciler) gatherRevisions(ctx context.Context, object *v1alpha1.AirCacheDeployment, w *world) error {
	list := &appsv1.ControllerRevisionList{}
	if err := r.Client.List(ctx, list, client.InNamespace(object.Namespace), client.MatchingLabels{render.LabelDeployment: object.Name}); err != nil {
		return fmt.Errorf("listing controller revisions: %w", err)
	}
	for i := range list.Items {
		live := &list.Items[i]
		if !live.DeletionTimestamp.IsZero() {
			continue
		}
		if isOrphan(live, object) {
			w.orphans = append(w.orphans, live)
		}
		if !metav1.IsControlledBy(live, object) {
			continue
		}
		template, err := render.StoredTemplate(live)
		if err != nil {
			w.orphans = append(w.orphans, live) // nobody can read it
			continue
		}
		pool := live.Labels[render.LabelPool]
		w.revisions[pool] = append(w.revisions[pool], revision{template, live.Revision, live})
	}
	for _, revisions := range w.revisions {
		slices.SortFunc(revisions, func(a, b revision) int { return cmp.Compare(b.number, a.number) }) // newest first
	}
	return nil
}

// revision is the one that keeps the pool's template; nil while there is none.
func (w *world) revision(pool poolPlan) *appsv1.ControllerRevision {
	for _, r := range w.revisions[pool.Name()] {
		if r.Hash == pool.template.Hash && r.Inputs == pool.template.Inputs {
			return r.live
		}
	}
	return nil
}

// pinTemplates decides the template of each pool.
func (p *plan) pinTemplates(object *v1alpha1.AirCacheDeployment, seen *world) error {
	for i := range p.pools {
		pool := &p.pools[i]
		fresh, err := render.NewTemplate(object, pool.Pool, p.operator)
		if err != nil {
			return err
		}
		revisions := seen.revisions[pool.Name()]
		pool.template, err = pinned(object.Spec.Rollout.OperatorUpgrade, fresh, obedient(revisions, seen.deployments[pool.name], p.operator), seen.deployments[pool.name])
		if err != nil {
			return err
		}
		pool.upgrade = render.Difference(pool.template, fresh)
		pool.revision = numberOf(pool.template, revisions)
	}
	return nil
}

// pinned is the template that stays in force: the newest one that was made from the same inputs. So a new operator, which may make
// another one of them, rolls no pod until spec changes or asks for it, and a spec that goes back gets the very pods that it had. Where
// somebody deleted the revision, the Deployment still has its template.
func pinned(upgrade string, fresh render.Template, revisions []revision, live *appsv1.Deployment) (render.Template, error) {
	if upgrade == v1alpha1.OperatorUpgradeLatest {
		return fresh, nil
	}
	for _, r := range revisions {
		if r.Inputs == fresh.Inputs {
			return r.Template, nil
		}
	}
	if live == nil || live.Annotations[render.InputsAnnotation] != fresh.Inputs {
		return fresh, nil
	}
	found, err := render.LiveTemplate(live)
	if err != nil || found.Hash == "" || found.Hash == fresh.Hash {
		return fresh, err // without what the API server filled in
	}
	return found, nil
}

// obedient leaves out what was kept from before two rotations of the operator's keys: a spec that goes back to it would get pods that refuse
// every directive. The template in force stays, for its pods would have to be replaced.
func obedient(revisions []revision, live *appsv1.Deployment, operator render.Operator) []revision {
	var list []revision
	for _, r := range revisions {
		inForce := live != nil && live.Spec.Template.Annotations[render.TemplateAnnotation] == r.Hash
		if inForce || operator.IsKnownTo(r.Template) {
			list = append(list, r)
		}
	}
	return list
}

// numberOf is the template's number when it is the newest already, else the next one.
func numberOf(t render.Template, newestFirst []revision) int64 {
	switch {
	case len(newestFirst) == 0:
		return 1
	case newestFirst[0].Hash == t.Hash && newestFirst[0].Inputs == t.Inputs:
		return newestFirst[0].number
	}
	return newestFirst[0].number + 1
}

// surplus are the revisions that nobody needs: no pod runs them, no pool is to run them, and newer ones are kept to go back to. A GPU
// type that left spec keeps those of its pods alone.
func surplus(p *plan, seen *world) []*appsv1.ControllerRevision {
	type template struct{ pool, hash string }
	used, inSpec := map[template]bool{}, map[string]bool{}
	for _, pool := range p.pools {
		used[template{pool.Name(), pool.template.Hash}], inSpec[pool.Name()] = true, true
	}
	for _, d := range seen.deployments {
		used[template{d.Labels[render.LabelPool], d.Spec.Template.Annotations[render.TemplateAnnotation]}] = true
	}
	for i := range seen.pods {
		pod := &seen.pods[i]
		used[template{pod.Labels[render.LabelPool], pod.Annotations[render.TemplateAnnotation]}] = true
	}
	list := slices.Clone(seen.orphans)
	for pool, revisions := range seen.revisions {
		spare := 0
		for _, r := range revisions {
			if key := (template{pool, r.Hash}); used[key] {
				delete(used, key) // an older one of the same template is spare
				continue
			}
			if spare++; spare > keptRevisions || !inSpec[pool] {
				list = append(list, r.live)
			}
		}
	}
	return list
}

// pruneRevisions keeps the history short.
func (r *Reconciler) pruneRevisions(ctx context.Context, p *plan, seen *world) error {
	for _, live := range surplus(p, seen) {
		err := r.Client.Delete(ctx, live, client.Preconditions{UID: &live.UID})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting ControllerRevision %s: %w", live.Name, err)
		}
	}
	return nil
}

// upgradeAvailable tells what this operator would make otherwise if it might.
func upgradeAvailable(p *plan) (metav1.ConditionStatus, finding) {
	for _, pool := range p.pools {
		if pool.upgrade != "" {
			return metav1.ConditionTrue, finding{v1alpha1.ReasonPinned, fmt.Sprintf(
				"pool %s keeps the template of an earlier operator; rollout.operatorUpgrade Latest would change %s", pool.Name(), pool.upgrade)}
		}
	}
	return metav1.ConditionFalse, finding{v1alpha1.ReasonUpToDate, "this operator would make the same pods"}
}
