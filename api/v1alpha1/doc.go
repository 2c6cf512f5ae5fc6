// Package v1alpha1 is the API of AirCache: AirCacheDeployment, one language-and-vision model served over an ordered list of GPU types,
// and GPUClass, what a cluster's administrator says about one kind of GPU node.
//
// Ratios are whole percent in spec and permille in status; durations are integer seconds. Rules that a schema cannot state are CEL rules
// whose messages name the field and the limit. Generated files (deepcopy, config/crd) are made by `make generate`.
//
// +kubebuilder:object:generate=true
// +groupName=aircache.dev
package v1alpha1
