package render

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

// The keys are a file, not a variable or an argument: nobody who may read pods sees them, and a changed Secret reaches running pods.
const (
	apiKeysPath = "/etc/aircache/api-keys"
	apiKeysFile = "keys"
)

// withAPIKeys mounts the Secret that spec names, if it does. The kubelet reads it; the operator has no right to. It is optional, so
// that a missing Secret or key is the runtime's last word and so the reason in status: the kubelet itself would only send an event and
// keep the pod waiting. The runtime never starts without a key.
func withAPIKeys(pod *corev1.PodSpec, runtime *v1alpha1.RuntimeSpec) {
	ref := runtime.APIKeySecretRef
	if ref == nil {
		return
	}
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: "api-keys", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
		SecretName: ref.Name, Optional: ptr.To(true), DefaultMode: ptr.To(int32(0o444)),
		Items: []corev1.KeyToPath{{Key: ref.Key, Path: apiKeysFile}},
	}}})
	mounts := &pod.Containers[0].VolumeMounts
	*mounts = append(*mounts, corev1.VolumeMount{Name: "api-keys", MountPath: apiKeysPath, ReadOnly: true})
}
