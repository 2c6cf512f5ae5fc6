package v1alpha1_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/testkit"
)

var _ = Describe("the API server", func() {
	It("fills in the documented defaults, also inside objects that are given in part", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		sparse := &v1alpha1.AirCacheDeployment{Spec: v1alpha1.AirCacheDeploymentSpec{
			Model:    v1alpha1.ModelSpec{Image: &v1alpha1.ImageSource{Reference: testkit.ModelDigest}},
			GPUTypes: []v1alpha1.GPUType{{Name: "cpu", Count: ptr.To(int32(0))}},
			Tuning:   v1alpha1.TuningSpec{MaxStepPercent: 10},
		}}
		sparse.Namespace, sparse.Name = namespace, "docs"
		Expect(env.Client.Create(ctx, sparse)).To(Succeed())
		Expect(cmp.Diff(testkit.Deployment(namespace, "docs").Spec, sparse.Spec)).To(BeEmpty())
	})

	It("lets an autoscaler read and write the scale of an object whose manifest has no replicas", func(ctx SpecContext) {
		d := testkit.Deployment(env.Namespace(ctx), "docs")
		d.Spec.Replicas = nil
		Expect(env.Client.Create(ctx, d)).To(Succeed())
		scale := &autoscalingv1.Scale{}
		Expect(env.Client.SubResource("scale").Get(ctx, d, scale)).To(Succeed())
		Expect(scale.Spec.Replicas).To(BeEquivalentTo(1))
		scale.Spec.Replicas = 3
		Expect(env.Client.SubResource("scale").Update(ctx, d, client.WithSubResourceBody(scale))).To(Succeed())

		manifest := testkit.Deployment(d.Namespace, "docs")
		manifest.Spec.Replicas = nil
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(manifest)
		Expect(err).NotTo(HaveOccurred())
		unstructured.RemoveNestedField(fields, "status")
		applied := &unstructured.Unstructured{Object: fields}
		Expect(env.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("git"), client.ForceOwnership)).To(Succeed())
		Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
		Expect(d.Spec.Replicas).To(HaveValue(BeEquivalentTo(3)), "the manifest is applied again and leaves the autoscaler's number alone")
	})

	It("gives a type one GPU when count is left out", func(ctx SpecContext) {
		d := testkit.Deployment(env.Namespace(ctx), "docs", testkit.WithTypes(v1alpha1.GPUType{Name: "l40s", GPUClassName: "l40s"}))
		Expect(env.Client.Create(ctx, d)).To(Succeed())
		Expect(d.Spec.GPUTypes[0].Count).To(HaveValue(BeEquivalentTo(1)))
	})

	It("shows an object that no operator has seen as not yet observed", func(ctx SpecContext) {
		d := testkit.Deployment(env.Namespace(ctx), "docs")
		Expect(env.Client.Create(ctx, d)).To(Succeed())
		Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
		Expect(d.Status.ObservedGeneration).To(BeEquivalentTo(-1))
	})

	It("accepts every sample", func(ctx SpecContext) {
		files, err := filepath.Glob(testkit.RepositoryPath("config", "samples", "*.yaml"))
		Expect(err).NotTo(HaveOccurred())
		kinds := map[string]int{}
		for _, file := range files {
			for _, sample := range documents(file) {
				if sample.GetNamespace() == "" && sample.GetKind() != "GPUClass" {
					sample.SetNamespace("default")
				}
				By(strings.Join([]string{filepath.Base(file), sample.GetKind(), sample.GetName()}, " "))
				strict := client.WithFieldValidation(env.Client, "Strict")
				Expect(strict.Create(ctx, sample, client.DryRunAll)).To(Succeed())
				kinds[sample.GetKind()]++
			}
		}
		Expect(kinds).To(And(HaveKey("AirCacheDeployment"), HaveKey("GPUClass")))
	})
})

func documents(file string) []*unstructured.Unstructured {
	GinkgoHelper()
	content, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	var list []*unstructured.Unstructured
	for decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096); ; {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return list
		} else {
			Expect(err).NotTo(HaveOccurred(), file)
		}
		if len(object.Object) > 0 {
			list = append(list, object)
		}
	}
}
