package render_test

import (
	"encoding/json"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/controllers/testkit"
)

func TestPoolBounds(t *testing.T) {
	for _, c := range []struct {
		name      string
		retention v1alpha1.Retention
		ofType    *int32
		ofClass   *int32
		policy    v1alpha1.CachePolicy
		want      render.Bounds
	}{
		{name: "the spec alone; tuning starts at the ceiling",
			retention: v1alpha1.Retention{MinPercent: 10, MaxPercent: 80}, want: render.Bounds{FloorPermille: 100, CeilingPermille: 800, StartPermille: 800}},
		{name: "percent is the start value",
			retention: v1alpha1.Retention{Percent: ptr.To(int32(50)), MinPercent: 10, MaxPercent: 100}, want: render.Bounds{FloorPermille: 100, CeilingPermille: 1000, StartPermille: 500}},
		{name: "the type raises the floor and the start with it",
			retention: v1alpha1.Retention{Percent: ptr.To(int32(15)), MinPercent: 10, MaxPercent: 100}, ofType: ptr.To(int32(20)),
			want: render.Bounds{FloorPermille: 200, CeilingPermille: 1000, StartPermille: 200}},
		{name: "the class raises it further",
			retention: v1alpha1.Retention{MinPercent: 10, MaxPercent: 100}, ofType: ptr.To(int32(20)), ofClass: ptr.To(int32(35)),
			want: render.Bounds{FloorPermille: 350, CeilingPermille: 1000, StartPermille: 1000}},
		{name: "a class floor above the ceiling lifts the ceiling",
			retention: v1alpha1.Retention{MinPercent: 10, MaxPercent: 40}, ofClass: ptr.To(int32(50)),
			want: render.Bounds{FloorPermille: 500, CeilingPermille: 500, StartPermille: 500}},
		{name: "policy Full keeps everything", policy: v1alpha1.PolicyFull,
			retention: v1alpha1.Retention{MinPercent: 10, MaxPercent: 100}, want: render.Bounds{FloorPermille: 1000, CeilingPermille: 1000, StartPermille: 1000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := &v1alpha1.AirCacheDeploymentSpec{Cache: v1alpha1.CacheSpec{Policy: c.policy, Retention: c.retention}}
			pool := render.Pool{Type: &v1alpha1.GPUType{}}
			if c.ofType != nil {
				pool.Type.Retention = &v1alpha1.TypeRetention{MinPercent: c.ofType}
			}
			if c.ofClass != nil {
				pool.Class = &v1alpha1.GPUClassSpec{MinRetentionPercent: c.ofClass}
			}
			if got := render.PoolBounds(spec, pool); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestTemplateIgnoresTuning: nothing that the tuner or an autoscaler changes may roll a pod.
func TestTemplateIgnoresTuning(t *testing.T) {
	template := func(edit func(*v1alpha1.AirCacheDeployment)) string {
		d := testkit.Deployment("vision", "docs", testkit.WithUID(uid), edit)
		text, err := json.Marshal(deployment(t, d).Spec.Template)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := template(func(*v1alpha1.AirCacheDeployment) {})
	for name, edit := range map[string]func(*v1alpha1.AirCacheDeployment){
		"the start value": func(d *v1alpha1.AirCacheDeployment) { d.Spec.Cache.Retention.Percent = ptr.To(int32(40)) },
		"the tuning mode": func(d *v1alpha1.AirCacheDeployment) { d.Spec.Tuning.Mode = v1alpha1.TuningRecommend },
		"the replicas":    func(d *v1alpha1.AirCacheDeployment) { d.Spec.Replicas = ptr.To(int32(9)) },
		"the tuned target": func(d *v1alpha1.AirCacheDeployment) {
			d.Status.Pools = []v1alpha1.PoolStatus{{Name: "cpu", Tuning: v1alpha1.PoolTuning{TargetPermille: 300}}}
		},
		"a label": func(d *v1alpha1.AirCacheDeployment) { d.Labels = map[string]string{"app.kubernetes.io/instance": "x"} },
	} {
		if template(edit) != before {
			t.Errorf("%s changed the pod template", name)
		}
	}
	if shadow := template(func(d *v1alpha1.AirCacheDeployment) { d.Spec.Quality.ShadowSamplePermille = ptr.To(int32(0)) }); shadow == before {
		t.Error("another share of compared requests did not change the pod template, so pods would not compare them")
	}
	if floor := template(func(d *v1alpha1.AirCacheDeployment) { d.Spec.Cache.Retention.MinPercent = 30 }); floor == before {
		t.Error("a new floor did not change the pod template, so pods would not enforce it")
	}
}

func TestThePolicyIsSpelledAsTheRuntimeReadsIt(t *testing.T) {
	for _, c := range []struct {
		cache v1alpha1.CacheSpec
		want  string
	}{
		{v1alpha1.CacheSpec{Policy: v1alpha1.PolicyAirCache}, "AirCache"},
		{v1alpha1.CacheSpec{Policy: v1alpha1.PolicyTGV, LayerBudget: "Uniform"}, "TGV"},
		{v1alpha1.CacheSpec{Policy: v1alpha1.PolicyAirCache, LayerBudget: "Skewness", Options: &v1alpha1.CacheOptions{AlphaPercent: ptr.To(int32(29))}}, "AirCache+layerBudget=Skewness+alpha=0.29"},
		{v1alpha1.CacheSpec{Policy: v1alpha1.PolicyAirCache, LayerBudget: "Uniform", Options: &v1alpha1.CacheOptions{Preset: "Paper"}}, "AirCache+paper+layerBudget=Uniform"},
		{v1alpha1.CacheSpec{Policy: v1alpha1.PolicyAirCache, Options: &v1alpha1.CacheOptions{Window: "Last32", AlphaPercent: ptr.To(int32(0)), Granularity: "KVHead"}}, "AirCache+window=Last32+alpha=0+granularity=KVHead"},
	} {
		c.cache.Retention = v1alpha1.Retention{MinPercent: 10, MaxPercent: 100}
		d := testkit.Deployment("vision", "docs", func(d *v1alpha1.AirCacheDeployment) { d.Spec.Cache = c.cache })
		if args := deployment(t, d).Spec.Template.Spec.Containers[0].Args; !slices.Contains(args, "--policy="+c.want) {
			t.Errorf("want --policy=%s in %q", c.want, args)
		}
	}
}

func TestCovers(t *testing.T) {
	const live = `{"metadata":{"labels":{"a":"1","foreign":"x"}},"spec":{"replicas":2,"args":["x","y"],"paused":false,"ingress":[{"ports":[{"port":1},{"port":2}]}],"selector":{"a":"1","b":"2"},
		"containers":[{"name":"sidecar"},{"name":"runtime","image":"i","terminationMessagePath":"/dev/log"}]}}`
	for _, c := range []struct {
		name, wanted string
		covered      bool
	}{
		{"a part of it is covered", `{"spec":{"replicas":2}}`, true},
		{"foreign labels and defaults are left alone", `{"metadata":{"labels":{"a":"1"}},"spec":{"containers":[{"name":"runtime","image":"i"}]}}`, true},
		{"an added label of a selector is drift", `{"spec":{"selector":{"a":"1"}}}`, false},
		{"the same selector is covered", `{"spec":{"selector":{"a":"1","b":"2"}}}`, true},
		{"an edited number is drift", `{"spec":{"replicas":3}}`, false},
		{"an edited label is drift", `{"metadata":{"labels":{"a":"2"}}}`, false},
		{"a removed label is drift", `{"metadata":{"labels":{"b":"1"}}}`, false},
		{"an added argument is drift", `{"spec":{"args":["x"]}}`, false},
		{"another order of arguments is drift", `{"spec":{"args":["y","x"]}}`, false},
		{"an opened port of a rule is drift", `{"spec":{"ingress":[{"ports":[{"port":1}]}]}}`, false},
		{"the same rule is covered", `{"spec":{"ingress":[{"ports":[{"port":1},{"port":2}]}]}}`, true},
		{"a missing container is drift", `{"spec":{"containers":[{"name":"other"}]}}`, false},
		{"an edited container is drift", `{"spec":{"containers":[{"name":"runtime","image":"j"}]}}`, false},
		{"another kind of value is drift", `{"spec":{"replicas":{"a":1}}}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := render.Covers(decode(t, live), decode(t, c.wanted)); got != c.covered {
				t.Errorf("got %v, want %v", got, c.covered)
			}
		})
	}
}

func TestManifestHashFollowsEveryField(t *testing.T) {
	hash := func(edits ...func(*v1alpha1.AirCacheDeployment)) string {
		d := testkit.Deployment("vision", "docs", edits...)
		return manifest(t, deployment(t, d)).GetAnnotations()[render.HashAnnotation]
	}
	same := hash()
	if same == "" || same != hash() {
		t.Errorf("equal objects have hashes %q and %q", same, hash())
	}
	if other := hash(func(d *v1alpha1.AirCacheDeployment) { d.Spec.Cache.LayerBudget = "Uniform" }); other == same {
		t.Error("a changed object has the same hash")
	}
}

func TestAPodAsksForItsDevicesByAnExtendedResource(t *testing.T) {
	class := testkit.GPUClass("devices", func(c *v1alpha1.GPUClass) { c.Spec.DeviceClassName = "gpu.example.com" })
	d := testkit.Deployment("vision", "docs", testkit.WithTypes(testkit.ClassType("gpu", class.Name)))
	d.Spec.GPUTypes[0].Count = ptr.To(int32(2))
	template, err := render.NewTemplate(d, render.Pool{Type: &d.Spec.GPUTypes[0], Class: &class.Spec}, testkit.Operator())
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.PodTemplateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template.Fields, &pod); err != nil {
		t.Fatal(err)
	}
	want := corev1.ResourceList{"deviceclass.resource.kubernetes.io/gpu.example.com": resource.MustParse("2")}
	if got := pod.Spec.Containers[0].Resources.Limits; !equality.Semantic.DeepEqual(got, want) {
		t.Errorf("limits are %v", got)
	}
}

func deployment(t *testing.T, d *v1alpha1.AirCacheDeployment) *appsv1.Deployment {
	t.Helper()
	pool := render.Pool{Type: &d.Spec.GPUTypes[0]}
	template, err := render.NewTemplate(d, pool, testkit.Operator())
	if err != nil {
		t.Fatal(err)
	}
	made, err := render.Deployment(d, pool, render.Wish{Replicas: ptr.To(int32(1)), Template: template})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func manifest(t *testing.T, object runtime.Object) *unstructured.Unstructured {
	t.Helper()
	m, err := render.Manifest(object)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
