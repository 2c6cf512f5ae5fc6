package render

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

// IsFetched tells whether pods fetch the model themselves, rather than finding it mounted.
func IsFetched(m *v1alpha1.ModelSpec) bool { return m.HuggingFace != nil || m.S3 != nil }

// modelArgs say where the model is, as `aircache serve` reads it.
func modelArgs(m *v1alpha1.ModelSpec) []string {
	switch {
	case m.HuggingFace != nil:
		return []string{"--model=hf://" + m.HuggingFace.Repo + "@" + m.HuggingFace.Revision, "--model-cache=" + cachePath}
	case m.S3 != nil:
		prefix := strings.ReplaceAll(strings.Trim(m.S3.Prefix, "/"), "$", "$$") // else the kubelet would take $(X) for a variable
		return []string{"--model=s3://" + m.S3.Bucket + "/" + prefix, "--model-cache=" + cachePath}
	}
	return []string{"--model=" + modelPath}
}

// sourceEnv are addresses and credentials. A Secret is named key by key, so that it can set no other variable, and as a variable
// rather than a file, so that the kubelet says in the pod's status which Secret or key is missing.
func sourceEnv(m *v1alpha1.ModelSpec) []corev1.EnvVar {
	var list []corev1.EnvVar
	add := func(name, value string) {
		if value != "" {
			list = append(list, corev1.EnvVar{Name: name, Value: value})
		}
	}
	secret := func(variable, name, key string, optional *bool) {
		list = append(list, corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: optional,
		}}})
	}
	if h := m.HuggingFace; h != nil {
		add("HF_ENDPOINT", h.Endpoint)
		if h.TokenSecretRef != nil {
			secret("HF_TOKEN", h.TokenSecretRef.Name, h.TokenSecretRef.Key, nil)
		}
	}
	if s := m.S3; s != nil {
		add("AWS_ENDPOINT_URL_S3", s.Endpoint)
		add("AWS_REGION", s.Region)
		if name := s.CredentialsSecretName; name != "" {
			secret("AWS_ACCESS_KEY_ID", name, "AWS_ACCESS_KEY_ID", nil)
			secret("AWS_SECRET_ACCESS_KEY", name, "AWS_SECRET_ACCESS_KEY", nil)
			secret("AWS_SESSION_TOKEN", name, "AWS_SESSION_TOKEN", ptr.To(true))
		}
	}
	return list
}

// securityContext of a pod that fetches makes its claim writable for it; the others do not write to theirs.
func securityContext(m *v1alpha1.ModelSpec) *corev1.PodSecurityContext {
	c := &corev1.PodSecurityContext{
		RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(user)), RunAsGroup: ptr.To(int64(user)),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if IsFetched(m) {
		c.FSGroup, c.FSGroupChangePolicy = ptr.To(int64(user)), ptr.To(corev1.FSGroupChangeOnRootMismatch)
	}
	return c
}
