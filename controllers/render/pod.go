package render

import (
	"cmp"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

// user runs the container; the number is the customary "nonroot" of minimal images.
const user = 65532

// graceMargin is added to the drain time, so that the kubelet does not kill a pod that ends in time.
const graceMargin = 15

const (
	doNotDisruptKey    = "karpenter.sh/do-not-disrupt"
	startupProbePeriod = 2
)

func podTemplate(d *v1alpha1.AirCacheDeployment, pool Pool, operator Operator) corev1.PodTemplateSpec {
	spec := &d.Spec
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: poolLabels(d.Name, pool.Name())},
		Spec: corev1.PodSpec{
			ServiceAccountName:            spec.Runtime.ServiceAccountName,
			AutomountServiceAccountToken:  ptr.To(false),
			EnableServiceLinks:            ptr.To(false),
			TerminationGracePeriodSeconds: ptr.To(int64(drainSeconds(spec) + graceMargin)),
			SecurityContext:               securityContext(&spec.Model),
			NodeSelector:                  nodeSelector(pool),
			Affinity:                      affinity(pool),
			Tolerations:                   tolerations(pool),
			TopologySpreadConstraints:     spread(d.Name, pool),
			Containers:                    []corev1.Container{container(d, pool, operator)},
			Volumes:                       volumes(d),
		},
	}
	withAPIKeys(&template.Spec, &spec.Runtime)
	for _, s := range spec.Runtime.ImagePullSecrets {
		template.Spec.ImagePullSecrets = append(template.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: s.Name})
	}
	if n := ptr.Deref(spec.Lifecycle.ProtectStartupSeconds, 0); n > 0 {
		template.Annotations = map[string]string{doNotDisruptKey: fmt.Sprintf("%ds", n)}
	}
	return template
}

func container(d *v1alpha1.AirCacheDeployment, pool Pool, operator Operator) corev1.Container {
	return corev1.Container{
		Name:            ContainerName,
		Image:           cmp.Or(d.Spec.Runtime.Image, operator.RuntimeImage),
		ImagePullPolicy: corev1.PullIfNotPresent,
		Args:            args(d, pool, operator),
		Env: append([]corev1.EnvVar{{Name: "POD_UID", ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.uid"},
		}}}, sourceEnv(&d.Spec.Model)...),
		Ports: []corev1.ContainerPort{
			{Name: "http", ContainerPort: HTTPPort, Protocol: corev1.ProtocolTCP},
			{Name: "control", ContainerPort: ControlPort, Protocol: corev1.ProtocolTCP},
		},
		Resources:      resources(&d.Spec.Runtime.Resources, pool),
		StartupProbe:   probe("/readyz", startupProbePeriod, ceilDiv(d.Spec.Lifecycle.StartupTimeoutSeconds, startupProbePeriod)),
		ReadinessProbe: probe("/readyz", 5, 2),
		LivenessProbe:  probe("/livez", 10, 6), // a minute: a long prefill on a busy CPU is no reason to lose the cache
		VolumeMounts:   volumeMounts(&d.Spec.Model),
		// The last words of a runtime that ends are the reason in status.
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

func probe(path string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http")}},
		PeriodSeconds: period, FailureThreshold: failures, TimeoutSeconds: 5,
	}
}

func resources(r *v1alpha1.ResourcesSpec, pool Pool) corev1.ResourceRequirements {
	out := corev1.ResourceRequirements{Requests: maps.Clone(r.Requests), Limits: maps.Clone(r.Limits)}
	if pool.IsCPU() {
		return out
	}
	name := pool.ResourceName()
	if out.Limits == nil {
		out.Limits = corev1.ResourceList{}
	}
	out.Limits[corev1.ResourceName(name)] = *resource.NewQuantity(int64(pool.Type.GPUs()), resource.DecimalSI)
	delete(out.Requests, corev1.ResourceName(name)) // an extended resource's request is its limit
	return out
}

// spread asks for different nodes and insists on nothing: a hard rule would keep a Cluster Autoscaler from packing GPUs.
func spread(object string, pool Pool) []corev1.TopologySpreadConstraint {
	return []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
		LabelSelector: &metav1.LabelSelector{MatchLabels: poolSelector(object, pool.Name())},
	}}
}

func ceilDiv(a, b int32) int32 { return (a + b - 1) / b }
