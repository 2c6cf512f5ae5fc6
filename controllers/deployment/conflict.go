package deployment

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"aircache.dev/aircache/api/v1alpha1"
)

// contested tells who else sets the replicas of a pool's Deployment to something else than planned: an autoscaler that was pointed at
// the child instead of at the AirCacheDeployment. The field is left to it, or both would set it back forever, and pods would come and
// go. What the autoscaler wrote before the plan changed does not count: a new plan takes the field once, so that the word of an
// autoscaler that is gone ends there.
func contested(live *appsv1.Deployment, before *v1alpha1.PoolStatus, planned int32) *rival {
	if live == nil || before == nil || before.DesiredReplicas != planned || ptr.Deref(live.Spec.Replicas, 1) == planned {
		return nil
	}
	if manager := autoscalerOf(live); manager != "" {
		return &rival{manager, ptr.Deref(live.Spec.Replicas, 1), live.ResourceVersion}
	}
	return nil // somebody's edit, which is repaired
}

// rival is a writer of a Deployment's replicas that is not us.
type rival struct {
	manager  string
	replicas int32  // what it set
	seenAt   string // resourceVersion of the Deployment
}

var replicasPath = fieldpath.MakePathOrDie("spec", "replicas")

// autoscalerOf is the field manager that set spec.replicas last, through /scale, as an HPA and KEDA do. kubectl scale is a person's
// edit, and the way to end the word of an autoscaler that is gone.
func autoscalerOf(d *appsv1.Deployment) string {
	for _, entry := range d.ManagedFields {
		if isAutoscaler(&entry) {
			return entry.Manager
		}
	}
	return ""
}

func isAutoscaler(entry *metav1.ManagedFieldsEntry) bool {
	if entry.Subresource != "scale" || entry.FieldsV1 == nil || strings.HasPrefix(entry.Manager, "kubectl") {
		return false
	}
	fields := fieldpath.NewSet()
	return fields.FromJSON(entry.FieldsV1.GetRawReader()) == nil && fields.Has(replicasPath)
}

// trimDeployment keeps of managedFields what autoscalerOf reads.
func trimDeployment(o any) (any, error) {
	d, isDeployment := o.(*appsv1.Deployment)
	if !isDeployment {
		return o, nil
	}
	var kept []metav1.ManagedFieldsEntry
	for _, entry := range d.ManagedFields {
		if isAutoscaler(&entry) {
			kept = append(kept, entry)
		}
	}
	d.ManagedFields = kept
	return d, nil
}

// conflicts is the condition about all pools whose replicas an autoscaler sets; nil when none does.
func conflicts(object *v1alpha1.AirCacheDeployment, p *plan) *finding {
	var texts, commands []string
	for _, pool := range p.pools {
		if r := pool.rival; r != nil {
			texts = append(texts, fmt.Sprintf("%s sets the replicas of Deployment %s to %d, where %d are meant", r.manager, pool.name, r.replicas, pool.replicas))
			commands = append(commands, fmt.Sprintf("kubectl scale -n %s deployment %s --replicas=%d", object.Namespace, pool.name, pool.replicas))
		}
	}
	if texts == nil {
		return nil
	}
	return &finding{v1alpha1.ReasonReplicasContested, fmt.Sprintf("%s; they are left so. Let the autoscaler scale AirCacheDeployment %s instead, and then take its word back: %s",
		strings.Join(texts, "; "), object.Name, strings.Join(commands, "; "))}
}
