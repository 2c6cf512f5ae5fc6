package render_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/controllers/testkit"
)

// rendered is an object with one pool, and what comes of it.
type rendered struct {
	Spec  v1alpha1.AirCacheDeploymentSpec
	Class v1alpha1.GPUClassSpec
}

func (r rendered) template(t *testing.T, from render.Operator) render.Template {
	t.Helper()
	d := testkit.Deployment("vision", "docs", testkit.WithUID(uid))
	d.Spec = r.Spec
	classes := map[string]*v1alpha1.GPUClass{}
	for _, of := range d.Spec.GPUTypes {
		classes[of.GPUClassName] = &v1alpha1.GPUClass{Spec: r.Class}
	}
	template, err := render.NewTemplate(d, render.Pools(&d.Spec, classes)[0], from)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// full has every optional field set that render looks into.
func full(source func(*v1alpha1.ModelSpec), types ...v1alpha1.GPUType) rendered {
	d := testkit.Deployment("vision", "docs", testkit.WithTypes(testkit.ClassType("l40s", "l40s")))
	d.Spec.Model.Image = nil
	source(&d.Spec.Model)
	d.Spec.Cache.Options = &v1alpha1.CacheOptions{}
	d.Spec.GPUTypes[0].Retention = &v1alpha1.TypeRetention{MinPercent: ptr.To(int32(10))}
	if types != nil {
		d.Spec.GPUTypes, d.Spec.Placement.Strategy = types, v1alpha1.PlacementAny
	}
	class := testkit.GPUClass("l40s", func(c *v1alpha1.GPUClass) { c.Spec.MinRetentionPercent = ptr.To(int32(10)) })
	return rendered{d.Spec, class.Spec}
}

// TestEveryFieldThatReachesTheTemplateIsAnInput changes each field of spec and class alone: where the template follows, the inputs must,
// or a change of spec would be taken for an upgrade of the operator and reach no pod.
func TestEveryFieldThatReachesTheTemplateIsAnInput(t *testing.T) {
	for name, source := range map[string]func(*v1alpha1.ModelSpec){
		"image": func(m *v1alpha1.ModelSpec) { m.Image = &v1alpha1.ImageSource{Reference: testkit.ModelDigest} },
		"pvc":   func(m *v1alpha1.ModelSpec) { m.PVC = &v1alpha1.PVCSource{ClaimName: "models"} },
		"hub": func(m *v1alpha1.ModelSpec) {
			m.HuggingFace = &v1alpha1.HuggingFaceSource{Repo: "org/model", TokenSecretRef: &v1alpha1.SecretKeyReference{Name: "hub", Key: "token"}}
		},
		"s3": func(m *v1alpha1.ModelSpec) { m.S3 = &v1alpha1.S3Source{Bucket: "models", Prefix: "reader"} },
	} {
		t.Run(name, func(t *testing.T) {
			checkInputs(t, func() rendered { return full(source) })
		})
	}
	t.Run("any of two types", func(t *testing.T) {
		checkInputs(t, func() rendered {
			return full(func(m *v1alpha1.ModelSpec) { m.Image = &v1alpha1.ImageSource{Reference: testkit.ModelDigest} },
				testkit.ClassType("l40s", "l40s"), testkit.ClassType("a100", "a100"))
		})
	})
}

func checkInputs(t *testing.T, make func() rendered) {
	from := render.Operator{RuntimeImage: "i"}
	before := make().template(t, from)
	tried, followed := 0, 0
	for i := 0; ; i++ {
		r, left := make(), i
		path := change(reflect.ValueOf(&r).Elem(), &left)
		if path == "" {
			break
		}
		tried++
		after := r.template(t, from)
		if after.Hash == before.Hash {
			continue
		}
		followed++
		if after.Inputs == before.Inputs {
			t.Errorf("%s reaches the pods and is no input: %s", path, render.Difference(before, after))
		}
	}
	if tried < 60 || followed < 30 {
		t.Errorf("only %d fields were tried, and %d reached the template", tried, followed)
	}
}

// change alters the n-th leaf below v and tells its path; "" when there are fewer. Pointers that are nil, lists and maps are leaves: they
// get a value, or one more item. Under a pointer that is set it goes on.
func change(v reflect.Value, n *int) string {
	if list, ok := v.Addr().Interface().(*corev1.ResourceList); ok {
		if *n--; *n >= 0 {
			return ""
		}
		*list = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("3")}
		return "resources"
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if path := change(v.Field(i), n); path != "" {
				return v.Type().Field(i).Name + "." + path
			}
		}
		return ""
	case reflect.Pointer:
		if !v.IsNil() {
			return change(v.Elem(), n)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if path := change(v.Index(i), n); path != "" {
				return fmt.Sprintf("%d.%s", i, path)
			}
		}
	}
	if *n--; *n >= 0 {
		return ""
	}
	grow(v)
	return v.Kind().String()
}

func grow(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int32, reflect.Int64:
		v.SetInt(v.Int() + 7)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		if v.Elem().Kind() != reflect.Struct {
			grow(v.Elem())
		}
	case reflect.Slice:
		item := reflect.New(v.Type().Elem()).Elem()
		if item.Kind() == reflect.String {
			item.SetString("Spot")
		}
		v.Set(reflect.Append(v, item))
	case reflect.Map:
		made := reflect.MakeMap(v.Type())
		for _, key := range v.MapKeys() {
			made.SetMapIndex(key, v.MapIndex(key))
		}
		made.SetMapIndex(reflect.ValueOf("added").Convert(v.Type().Key()), reflect.New(v.Type().Elem()).Elem())
		v.Set(made)
	}
}

func TestWhatTheOperatorAddsIsNoInput(t *testing.T) {
	r := full(func(m *v1alpha1.ModelSpec) { m.Image = &v1alpha1.ImageSource{Reference: testkit.ModelDigest} })
	before, after := r.template(t, render.Operator{RuntimeImage: "runtime:1"}), r.template(t, render.Operator{RuntimeImage: "runtime:2"})
	if before.Hash == after.Hash || before.Inputs != after.Inputs {
		t.Errorf("hashes %s and %s, inputs %s and %s", before.Hash, after.Hash, before.Inputs, after.Inputs)
	}
	if got, want := render.Difference(before, after), "spec.containers[runtime].image: runtime:1 -> runtime:2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInputsOfAnUnchangedObjectNeverChange: with another hash, the next operator would roll the pods of every object. What may change is
// the template: that is what pinning is for.
func TestInputsOfAnUnchangedObjectNeverChange(t *testing.T) {
	d := testkit.Deployment("vision", "docs", testkit.WithUID(uid))
	got, err := render.InputsHash(d, render.Pool{Type: &d.Spec.GPUTypes[0]})
	if err != nil {
		t.Fatal(err)
	}
	if want := "a3c3a40c7d33410d"; got != want {
		t.Errorf("the inputs hash is %s and was %s: see the comment at inputs", got, want)
	}
}

func TestARevisionGivesBackTheTemplateByteForByte(t *testing.T) {
	d := testkit.Deployment("vision", "docs", testkit.WithUID(uid), testkit.WithTypes(testkit.ClassType("l40s", "l40s")))
	pool := render.Pool{Type: &d.Spec.GPUTypes[0], Class: &testkit.GPUClass("l40s").Spec}
	template, err := render.NewTemplate(d, pool, render.Operator{RuntimeImage: "i"})
	if err != nil {
		t.Fatal(err)
	}
	template.Fields["spec"].(map[string]any)["fieldOfALaterKubernetes"] = map[string]any{"level": int64(3)}
	kept, err := render.Revision(d, "l40s", template, 4)
	if err != nil {
		t.Fatal(err)
	}
	back, err := render.StoredTemplate(kept)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(template, back) {
		t.Errorf("got %v, want %v", back, template)
	}
	made, err := render.Deployment(d, pool, render.Wish{Replicas: ptr.To(int32(1)), Template: back})
	if err != nil {
		t.Fatal(err)
	}
	applied, err := render.PoolManifest(made, back)
	if err != nil {
		t.Fatal(err)
	}
	if got := applied.Object["spec"].(map[string]any)["template"]; !reflect.DeepEqual(got, template.Fields) {
		t.Errorf("applied is %v", got)
	}
}

func TestDifference(t *testing.T) {
	template := func(text string) render.Template {
		return render.Template{Fields: decode(t, text).(map[string]any)}
	}
	const before = `{"metadata":{"annotations":{"aircache.dev/template-hash":"1"}},"spec":{"grace":10,"containers":[{"name":"runtime","args":["a","b"],"env":[{"name":"X","value":"1"}]}]}}`
	for _, c := range []struct{ name, after, want string }{
		{"nothing", before, ""},
		{"another hash alone", strings.ReplaceAll(before, `hash":"1"`, `hash":"2"`), ""},
		{"a number", strings.ReplaceAll(before, `"grace":10`, `"grace":12`), "spec.grace: 10 -> 12"},
		{"words of a list", strings.ReplaceAll(before, `["a","b"]`, `["a","c"]`), "spec.containers[runtime].args: +c -b"},
		{"the order of words", strings.ReplaceAll(before, `["a","b"]`, `["b","a"]`), "spec.containers[runtime].args: another order"},
		{"a field less", strings.ReplaceAll(before, `"grace":10,`, ``), "spec.grace: -10"},
		{"an item more", strings.ReplaceAll(before, `"value":"1"}`, `"value":"1"},{"name":"Y"}`), "spec.containers[runtime].env[Y]: +map[name:Y]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := render.Difference(template(before), template(c.after)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
