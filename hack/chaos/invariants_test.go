package main

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/hack/lab/audit"
	"aircache.dev/aircache/hack/scale/fleet"
	"aircache.dev/aircache/hack/scale/rig"
	"aircache.dev/aircache/runtime/control"
)

func child(uid string) rig.Change {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid), OwnerReferences: []metav1.OwnerReference{{Name: "docs"}}}}
	d.Spec.Template.Labels = map[string]string{render.LabelPool: "cpu"}
	return rig.Change{Object: d}
}

func gone(c rig.Change) rig.Change {
	c.Gone = true
	return c
}

// Each invariant can fail, and holds where it should.
func TestInvariants(t *testing.T) {
	user := rig.Object("docs", 2)
	user.Spec.Cache.Retention.MinPercent = 20
	other := user.DeepCopy()
	other.Spec.Replicas = nil
	takes := func(permille int32) func(*invariants) {
		return func(i *invariants) {
			i.applied(fleet.Applied{Pod: &fleet.Pod{Deployment: "docs"}, Ack: control.Ack{TargetPermille: permille}})
		}
	}
	asks := func(verb, subresource string) func(*invariants) {
		return func(i *invariants) {
			i.atRest(nil, []audit.Request{{Verb: verb, Resource: "aircachedeployments", Subresource: subresource}})
		}
	}
	for _, c := range []struct {
		name string
		see  func(*invariants)
		says string // empty: no violation
	}{
		{"one Deployment that is seen twice", func(i *invariants) { i.changed(child("a")); i.changed(child("a")) }, ""},
		{"one after the other", func(i *invariants) { i.changed(child("a")); i.changed(gone(child("a"))); i.changed(child("b")) }, ""},
		{"two at a time", func(i *invariants) { i.changed(child("a")); i.changed(child("b")) }, "2 Deployments"},
		{"a pod at the floor", takes(200), ""},
		{"a pod below the floor", takes(199), "below its floor of 200"},
		{"a spec as it was written", func(i *invariants) { i.atRest([]v1alpha1.AirCacheDeployment{*user}, nil) }, ""},
		{"a spec that somebody else wrote", func(i *invariants) { i.atRest([]v1alpha1.AirCacheDeployment{*other}, nil) }, "not what its user wrote"},
		{"the operator writes status", asks("patch", "status"), ""},
		{"the operator reads", asks("get", ""), ""},
		{"the operator writes the object itself", asks("patch", ""), "the operator asked to patch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newInvariants()
			i.userWrote(user)
			c.see(i)
			violations, _, _ := i.result()
			if got := strings.Join(violations, "; "); (c.says == "") != (got == "") || !strings.Contains(got, c.says) {
				t.Errorf("got %q", got)
			}
		})
	}
}
