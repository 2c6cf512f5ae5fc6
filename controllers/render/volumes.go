package render

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"aircache.dev/aircache/api/v1alpha1"
)

const (
	modelPath  = "/model"
	cachePath  = "/models"
	tuningPath = "/etc/aircache/tuning"
	tmpPath    = "/tmp"
)

// volumes are the model (read-only) or the cache that it is fetched into, the tuning ConfigMap and a small scratch folder, for the root file system is read-only. The
// ConfigMap is mounted whole, since a sub-path would never see a new value, and optional: a pod starts without it.
func volumes(d *v1alpha1.AirCacheDeployment) []corev1.Volume {
	optional, scratch := true, resource.MustParse("64Mi")
	return []corev1.Volume{
		{Name: "model", VolumeSource: modelSource(&d.Spec.Model)},
		{Name: "tuning", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: TuningName(d.Name)}, Optional: &optional,
		}}},
		{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &scratch}}},
	}
}

func modelSource(m *v1alpha1.ModelSpec) corev1.VolumeSource {
	switch {
	case m.PVC != nil:
		return claim(m.PVC.ClaimName, true)
	case IsFetched(m) && m.Cache != nil:
		return claim(m.Cache.ClaimName, false)
	case IsFetched(m):
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	}
	return corev1.VolumeSource{Image: &corev1.ImageVolumeSource{
		Reference: m.Image.Reference, PullPolicy: corev1.PullIfNotPresent,
	}}
}

func claim(name string, readOnly bool) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name, ReadOnly: readOnly}}
}

func volumeMounts(m *v1alpha1.ModelSpec) []corev1.VolumeMount {
	model := corev1.VolumeMount{Name: "model", MountPath: modelPath, ReadOnly: true}
	switch {
	case m.PVC != nil:
		model.SubPath = m.PVC.SubPath
	case m.Image != nil:
		model.SubPath = m.Image.SubPath
	default:
		model.MountPath, model.ReadOnly = cachePath, false
	}
	return []corev1.VolumeMount{
		model,
		{Name: "tuning", MountPath: tuningPath, ReadOnly: true},
		{Name: "tmp", MountPath: tmpPath},
	}
}
