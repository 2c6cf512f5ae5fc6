package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/hack/lab/audit"
	"aircache.dev/aircache/hack/scale/fleet"
	"aircache.dev/aircache/hack/scale/rig"
)

// invariants are held against every change of the cluster and every value that a pod applies.
type invariants struct {
	mu              sync.Mutex
	spec            map[string]string // what its user wrote last, by object
	floors          map[string]int32  // permille, by object
	alive           map[string]map[types.UID]bool
	violations      []string
	changes, values int // looked at
}

func newInvariants() *invariants {
	return &invariants{spec: map[string]string{}, floors: map[string]int32{}, alive: map[string]map[types.UID]bool{}}
}

func (i *invariants) violate(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(i.violations, text) {
		i.violations = append(i.violations, text)
	}
}

// userWrote is a spec as the API server stored it for its user.
func (i *invariants) userWrote(d *v1alpha1.AirCacheDeployment) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.spec[d.Name] = specText(d)
	i.floors[d.Name] = 10 * d.Spec.Cache.Retention.MinPercent
}

func specText(d *v1alpha1.AirCacheDeployment) string {
	content, err := json.Marshal(d.Spec)
	if err != nil {
		panic(fmt.Sprintf("writing a spec: %v", err)) // API types always can be written
	}
	return string(content)
}

// changed is called for each change that a watch tells: no GPU type ever has two Deployments.
func (i *invariants) changed(c rig.Change) {
	d, ok := c.Object.(*appsv1.Deployment)
	if !ok || len(d.OwnerReferences) == 0 {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.changes++
	pool := d.Spec.Template.Labels[render.LabelPool] // a Deployment's own labels may have been taken from it
	key := fmt.Sprintf("%s/%s", d.OwnerReferences[0].Name, pool)
	if i.alive[key] == nil {
		i.alive[key] = map[types.UID]bool{}
	}
	if c.Gone || !d.DeletionTimestamp.IsZero() {
		delete(i.alive[key], d.UID)
		return
	}
	i.alive[key][d.UID] = true
	if n := len(i.alive[key]); n > 1 {
		i.violate("%s has %d Deployments for one GPU type", key, n)
	}
}

// applied is called for each value that a pod takes.
func (i *invariants) applied(a fleet.Applied) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.values++
	if floor := i.floors[a.Pod.Deployment]; a.Ack.TargetPermille < floor {
		i.violate("pod %s of %s applies %d permille, below its floor of %d", a.Pod.Name.Name, a.Pod.Deployment, a.Ack.TargetPermille, floor)
	}
}

// atRest holds the objects and the operator's requests against what users wrote.
func (i *invariants) atRest(objects []v1alpha1.AirCacheDeployment, requests []audit.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range objects {
		if d := &objects[n]; i.spec[d.Name] != "" && specText(d) != i.spec[d.Name] {
			i.violate("the spec of %s is not what its user wrote last", d.Name)
		}
	}
	for _, r := range requests {
		if r.Resource == "aircachedeployments" && r.Subresource != "status" && rig.IsWrite(r) {
			i.violate("the operator asked to %s %s %s itself", r.Verb, r.Resource, r.Name)
		}
	}
}

func (i *invariants) result() (violations []string, changes, values int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.violations), i.changes, i.values
}
