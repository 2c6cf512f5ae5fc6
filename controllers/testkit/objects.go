package testkit

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

// ModelDigest is a model image by digest.
const ModelDigest = "registry.example/models/tiny@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// RuntimeImage is the operator's default in tests.
const RuntimeImage = "registry.example/aircache@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

// Deployment is an AirCacheDeployment with one CPU pool, a model image, and every default that the API server would set; edits come after.
func Deployment(namespace, name string, edits ...func(*v1alpha1.AirCacheDeployment)) *v1alpha1.AirCacheDeployment {
	d := &v1alpha1.AirCacheDeployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "AirCacheDeployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.AirCacheDeploymentSpec{
			Model:    v1alpha1.ModelSpec{Image: &v1alpha1.ImageSource{Reference: ModelDigest}, MaxImagesPerRequest: 16},
			GPUTypes: []v1alpha1.GPUType{CPUType("cpu")},
			Cache: v1alpha1.CacheSpec{
				Policy:    v1alpha1.PolicyAirCache,
				Retention: v1alpha1.Retention{MinPercent: 10, MaxPercent: 100},
			},
			Quality: v1alpha1.QualitySpec{
				MinRecallPercent: ptr.To(int32(85)), ShadowSamplePermille: ptr.To(int32(10)),
				MinAgreementPercent: 97, OnViolation: "RaiseRetention",
			},
			Tuning: v1alpha1.TuningSpec{
				Mode: v1alpha1.TuningAuto, IntervalSeconds: 15, StabilizationSeconds: ptr.To(int32(120)),
				MaxStepPercent: 10, CanaryPermille: ptr.To(int32(100)),
			},
			Placement: v1alpha1.PlacementSpec{Strategy: "Ordered", FallbackAfterSeconds: ptr.To(int32(180)), ReturnAfterSeconds: 1800},
			Rollout: v1alpha1.RolloutSpec{
				Strategy: "Adaptive", SurgeTimeoutSeconds: ptr.To(int32(300)), ProgressDeadlineSeconds: 3600, OperatorUpgrade: "Pinned",
			},
			Lifecycle: v1alpha1.LifecycleSpec{
				StartupTimeoutSeconds: 3600, DrainSeconds: ptr.To(int32(100)), ProtectStartupSeconds: ptr.To(int32(1800)),
			},
			Replicas: ptr.To(int32(1)),
			Network:  v1alpha1.NetworkSpec{Policy: "Restricted"},
		},
	}
	for _, edit := range edits {
		edit(d)
	}
	return d
}

// WithUID gives an object that no API server made its UID.
func WithUID(uid types.UID) func(*v1alpha1.AirCacheDeployment) {
	return func(d *v1alpha1.AirCacheDeployment) { d.UID = uid }
}

// WithTypes replaces the GPU types.
func WithTypes(types ...v1alpha1.GPUType) func(*v1alpha1.AirCacheDeployment) {
	return func(d *v1alpha1.AirCacheDeployment) { d.Spec.GPUTypes = types }
}

// WithReplicas sets spec.replicas.
func WithReplicas(n int32) func(*v1alpha1.AirCacheDeployment) {
	return func(d *v1alpha1.AirCacheDeployment) { d.Spec.Replicas = &n }
}

// CPUType is a pool without GPUs.
func CPUType(name string) v1alpha1.GPUType {
	return v1alpha1.GPUType{Name: name, Count: ptr.To(int32(0))}
}

// ClassType is a pool of pods with one GPU each on nodes of a class.
func ClassType(name, class string) v1alpha1.GPUType {
	return v1alpha1.GPUType{Name: name, GPUClassName: class, Count: ptr.To(int32(1))}
}

// GPUClass is a class that selects nodes by one label.
func GPUClass(name string, edits ...func(*v1alpha1.GPUClass)) *v1alpha1.GPUClass {
	c := &v1alpha1.GPUClass{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "GPUClass"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.GPUClassSpec{
			NodeSelector: map[string]string{"example.com/gpu": name}, ResourceName: v1alpha1.DefaultResourceName, MemoryGiB: 48,
		},
	}
	for _, edit := range edits {
		edit(c)
	}
	return c
}
