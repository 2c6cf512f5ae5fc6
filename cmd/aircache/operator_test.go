package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/controllers/testkit"
)

// cacheSchema is spec.cache of the CRD.
func cacheSchema(t *testing.T) apiextensions.JSONSchemaProps {
	t.Helper()
	file, err := os.ReadFile("../../config/crd/aircache.dev_aircachedeployments.yaml")
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensions.CustomResourceDefinition{}
	if err := yaml.Unmarshal(file, crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["cache"]
}

func enumOf(t *testing.T, s apiextensions.JSONSchemaProps) (values []string) {
	t.Helper()
	for _, v := range s.Enum {
		values = append(values, strings.Trim(string(v.Raw), `"`))
	}
	if len(values) < 2 {
		t.Fatalf("an enum of %q", values)
	}
	return values
}

// TestServeTakesWhatTheOperatorRenders: whatever the API server lets through, a pod starts with.
func TestServeTakesWhatTheOperatorRenders(t *testing.T) {
	schema := cacheSchema(t)
	var caches []v1alpha1.CacheSpec
	for _, policy := range enumOf(t, schema.Properties["policy"]) {
		caches = append(caches, v1alpha1.CacheSpec{Policy: v1alpha1.CachePolicy(policy)})
	}
	for _, budget := range enumOf(t, schema.Properties["layerBudget"]) {
		caches = append(caches, v1alpha1.CacheSpec{Policy: v1alpha1.PolicyAirCache, LayerBudget: budget})
	}
	options := schema.Properties["options"]
	caches = append(caches, v1alpha1.CacheSpec{Policy: v1alpha1.PolicyAirCache, LayerBudget: "Strength", Options: &v1alpha1.CacheOptions{Preset: "Paper"}})
	for _, window := range enumOf(t, options.Properties["window"]) {
		for _, granularity := range enumOf(t, options.Properties["granularity"]) {
			for _, alpha := range []*float64{options.Properties["alphaPercent"].Minimum, options.Properties["alphaPercent"].Maximum} {
				caches = append(caches, v1alpha1.CacheSpec{Policy: v1alpha1.PolicyAirCache,
					Options: &v1alpha1.CacheOptions{Window: window, Granularity: granularity, AlphaPercent: ptr.To(int32(*alpha))}})
			}
		}
	}
	for _, cache := range caches {
		cache.Retention = v1alpha1.Retention{MinPercent: 10, MaxPercent: 100}
		cache.KVCacheMiB = ptr.To(int32(32))
		d := &v1alpha1.AirCacheDeployment{Spec: v1alpha1.AirCacheDeploymentSpec{Cache: cache, Model: v1alpha1.ModelSpec{
			Image: &v1alpha1.ImageSource{Reference: "m"}, MaxImagesPerRequest: 16, MaxModelLen: ptr.To(int32(4096)), MaxImagePixels: ptr.To(int32(1 << 20))}}}
		d.Name, d.UID = "docs", "00000000-0000-4000-8000-000000000001"
		cpu := render.Pool{Type: &v1alpha1.GPUType{Name: "cpu", Count: ptr.To(int32(0))}}
		template, err := render.NewTemplate(d, cpu, testkit.Operator())
		if err != nil {
			t.Fatal(err)
		}
		made, err := render.Deployment(d, cpu, render.Wish{Replicas: ptr.To(int32(1)), Template: template})
		if err != nil {
			t.Fatal(err)
		}
		args := made.Spec.Template.Spec.Containers[0].Args
		f, set := &serveFlags{}, pflag.NewFlagSet("serve", pflag.ContinueOnError)
		f.register(set)
		if err := set.Parse(args[1:]); err != nil || args[0] != "serve" {
			t.Fatalf("%q: %v", args, err)
		}
		if err := f.check(); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		if _, name, err := f.cachePolicy(); err != nil || !slices.Contains(args, "--policy="+name) {
			t.Errorf("%q is read as %q, %v", args, name, err)
		}
		if keys, err := f.keyring(); err != nil || !slices.Equal(keys.IDs(), testkit.Keys().IDs()) {
			t.Errorf("%q: applies what %q signed, %v", args, keys.IDs(), err)
		}
		if f.shadow != 10 {
			t.Errorf("%q: the share of compared requests is %d", args, f.shadow)
		}
	}
}
