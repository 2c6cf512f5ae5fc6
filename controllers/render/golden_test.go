package render_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/controllers/testkit"
)

var update = flag.Bool("update", false, "write testdata from what render makes now")

const uid = "00000000-0000-4000-8000-000000000001"

// TestGolden holds the whole of what is applied, for a person to review.
func TestGolden(t *testing.T) {
	l40s := testkit.GPUClass("l40s", func(c *v1alpha1.GPUClass) {
		c.Spec.Tolerations = []corev1.Toleration{{Key: "nvidia.com/gpu", Operator: corev1.TolerationOpExists}}
		c.Spec.MinRetentionPercent = ptr.To(int32(30))
	})
	a100 := testkit.GPUClass("a100", func(c *v1alpha1.GPUClass) {
		c.Spec.Tolerations = append(l40s.Spec.Tolerations, corev1.Toleration{Key: "example.com/reserved", Operator: corev1.TolerationOpExists})
	})
	for _, c := range []struct {
		file    string
		classes map[string]*v1alpha1.GPUClass
		edit    func(*v1alpha1.AirCacheDeployment)
	}{
		{file: "cpu-image", edit: func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Runtime.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")}
			d.Spec.Model.ServedName = "tiny"
			d.Spec.Model.Image.SubPath = "models/tiny"
			d.Spec.Lifecycle.DrainSeconds = ptr.To(int32(10))
			d.Spec.Runtime.APIKeySecretRef = &v1alpha1.SecretKeyReference{Name: "clients", Key: "keys"}
		}},
		{file: "gpu-class-pvc", classes: map[string]*v1alpha1.GPUClass{"l40s": l40s}, edit: func(d *v1alpha1.AirCacheDeployment) {
			l40sType := testkit.ClassType("l40s", "l40s")
			l40sType.Count, l40sType.CapacityTypes = ptr.To(int32(2)), []v1alpha1.CapacityType{v1alpha1.Spot}
			l40sType.Tolerations = []corev1.Toleration{{Key: "example.com/spot", Operator: corev1.TolerationOpExists}}
			d.Spec.GPUTypes = []v1alpha1.GPUType{l40sType}
			d.Spec.Model = v1alpha1.ModelSpec{
				PVC:         &v1alpha1.PVCSource{ClaimName: "models", SubPath: "ov-7b"},
				MaxModelLen: ptr.To(int32(32768)), MaxImagePixels: ptr.To(int32(4194304)), MaxImagesPerRequest: 4,
			}
			d.Spec.Cache.KVCacheMiB = ptr.To(int32(20000))
			d.Spec.Cache.MultiTurn = "OffloadFull"
			d.Spec.Runtime = v1alpha1.RuntimeSpec{
				Image: "registry.example/own:1", ServiceAccountName: "readers",
				ImagePullSecrets: []v1alpha1.ImagePullSecret{{Name: "pull"}},
				Resources:        v1alpha1.ResourcesSpec{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4")}},
			}
			d.Spec.Rollout.Strategy = v1alpha1.RolloutInPlace
		}},
		{file: "gpu-any", classes: map[string]*v1alpha1.GPUClass{"l40s": l40s, "a100": a100}, edit: func(d *v1alpha1.AirCacheDeployment) {
			spot := testkit.ClassType("l40s", "l40s")
			spot.CapacityTypes = []v1alpha1.CapacityType{v1alpha1.Spot}
			old := v1alpha1.GPUType{Name: "t4", NodeSelector: map[string]string{"example.com/gpu": "t4"}, Retention: &v1alpha1.TypeRetention{MinPercent: ptr.To(int32(45))}}
			d.Spec.GPUTypes = []v1alpha1.GPUType{spot, testkit.ClassType("a100", "a100"), old}
			d.Spec.Placement.Strategy = v1alpha1.PlacementAny
		}},
		{file: "cpu-hugging-face", edit: func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Model = v1alpha1.ModelSpec{
				HuggingFace: &v1alpha1.HuggingFaceSource{Repo: "org/model", Revision: "0123456789abcdef0123456789abcdef01234567", Endpoint: "http://10.96.0.20:8080",
					TokenSecretRef: &v1alpha1.SecretKeyReference{Name: "hub", Key: "token"}},
				Cache: &v1alpha1.ModelCache{ClaimName: "models"},
			}
		}},
		{file: "cpu-s3", edit: func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.Model = v1alpha1.ModelSpec{S3: &v1alpha1.S3Source{Bucket: "models", Prefix: "reader/", Endpoint: "http://10.96.0.30:9000", Region: "eu-west-1", CredentialsSecretName: "store"}}
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			d := testkit.Deployment("vision", "docs", testkit.WithUID(uid), c.edit)
			pool := render.Pools(&d.Spec, c.classes)[0]
			operator := testkit.Operator()
			operator.Namespace, operator.AllowFrom = "aircache-system", []string{"monitoring"}
			bounds := render.PoolBounds(&d.Spec, pool)
			tuning, err := render.TuningConfigMap(d, []render.PoolTuning{
				{Pool: pool.Name(), Tuning: render.StartTuning(bounds), FloorPermille: bounds.FloorPermille},
			}, operator)
			if err != nil {
				t.Fatal(err)
			}
			template, err := render.NewTemplate(d, pool, operator)
			if err != nil {
				t.Fatal(err)
			}
			deployment, err := render.Deployment(d, pool, render.Wish{Replicas: ptr.To(int32(3)), InPlace: d.Spec.Rollout.Strategy == v1alpha1.RolloutInPlace, Template: template})
			if err != nil {
				t.Fatal(err)
			}
			objects := []runtime.Object{deployment, render.Service(d), tuning, render.DisruptionBudget(d), render.NetworkPolicy(d, operator)}
			if c.file == "cpu-image" { // once: it holds the template again
				kept, err := render.Revision(d, pool.Type.Name, template, 1)
				if err != nil {
					t.Fatal(err)
				}
				objects = append(objects, kept)
			}
			compare(t, c.file, objects...)
		})
	}
}

func compare(t *testing.T, name string, objects ...runtime.Object) {
	t.Helper()
	var parts []string
	for _, object := range objects {
		manifest, err := render.Manifest(object)
		if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(manifest.Object)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, string(text))
	}
	got, file := strings.Join(parts, "---\n"), filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./controllers/render -update writes it anew:\n%s", file, diff)
	}
}
