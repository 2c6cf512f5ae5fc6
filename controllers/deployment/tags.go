package deployment

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"aircache.dev/aircache/api/v1alpha1"
)

// warnOfTags says which images of spec are named by tag, once for each that comes into use: pods that start at different times may get
// different images.
func (r *Reconciler) warnOfTags(object *v1alpha1.AirCacheDeployment, inUse []string) {
	var tags []string
	look := func(field, reference string) {
		if reference != "" && !strings.Contains(reference, "@sha256:") && !slices.Contains(inUse, reference) {
			tags = append(tags, field+" "+reference)
		}
	}
	look("runtime.image", object.Spec.Runtime.Image)
	if m := object.Spec.Model.Image; m != nil {
		look("model.image.reference", m.Reference)
	}
	if len(tags) > 0 {
		r.Events.Eventf(object, nil, corev1.EventTypeWarning, v1alpha1.EventImageByTag, "Reconcile",
			"a tag names %s, so pods may differ; pin it as name@sha256:...", strings.Join(tags, " and "))
	}
}

// images are those that the Deployments' pods use, as container or as model.
func images(deployments map[string]*appsv1.Deployment) []string {
	var list []string
	for _, d := range deployments {
		for _, c := range d.Spec.Template.Spec.Containers {
			list = append(list, c.Image)
		}
		for _, v := range d.Spec.Template.Spec.Volumes {
			if v.Image != nil {
				list = append(list, v.Image.Reference)
			}
		}
	}
	return list
}
