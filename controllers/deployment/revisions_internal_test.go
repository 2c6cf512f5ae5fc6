package deployment

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/controllers/testkit"
)

func TestPinned(t *testing.T) {
	template := func(inputs, hash string) render.Template { return render.Template{Inputs: inputs, Hash: hash} }
	live := func(inputs, hash string) *appsv1.Deployment {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{render.InputsAnnotation: inputs}}}
		d.Spec.Template.Annotations = map[string]string{render.TemplateAnnotation: hash}
		return d
	}
	kept := func(list ...render.Template) (newestFirst []revision) {
		for i, t := range list {
			newestFirst = append(newestFirst, revision{Template: t, number: int64(len(list) - i)})
		}
		return newestFirst
	}
	const pinnedMode, latest = v1alpha1.OperatorUpgradePinned, v1alpha1.OperatorUpgradeLatest
	for _, c := range []struct {
		name      string
		mode      string
		fresh     render.Template
		revisions []revision
		live      *appsv1.Deployment
		want      string // hash and revision number
	}{
		{"a new pool gets the template of today", pinnedMode, template("a", "1"), nil, nil, "1 as 1"},
		{"a new operator keeps the template", pinnedMode, template("a", "2"), kept(template("a", "1")), live("a", "1"), "1 as 1"},
		{"mode Latest takes the new one", latest, template("a", "2"), kept(template("a", "1")), live("a", "1"), "2 as 2"},
		{"Pinned after Latest keeps what Latest brought", pinnedMode, template("a", "3"), kept(template("a", "2"), template("a", "1")), live("a", "2"), "2 as 2"},
		{"a changed spec gets the template of today", pinnedMode, template("b", "3"), kept(template("a", "1")), live("a", "1"), "3 as 2"},
		{"a spec that goes back gets what it had", pinnedMode, template("a", "4"), kept(template("b", "3"), template("a", "1")), live("b", "3"), "1 as 3"},
		{"without its revision the Deployment tells", pinnedMode, template("a", "2"), nil, live("a", "1"), "1 as 1"},
		{"a Deployment of other inputs tells nothing", pinnedMode, template("b", "2"), nil, live("a", "1"), "2 as 1"},
		{"a Deployment of an operator that kept none tells nothing", pinnedMode, template("a", "2"), nil, live("", "1"), "2 as 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := pinned(c.mode, c.fresh, c.revisions, c.live)
			if err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprintf("%s as %d", got.Hash, numberOf(got, c.revisions)); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}

func TestASpecThatGoesBackGetsPodsThatObey(t *testing.T) {
	after := func(rotations byte) render.Operator {
		keys := testkit.KeysAfter(rotations)
		return render.Operator{RuntimeImage: "runtime", PublicKeys: keys.Public(), Sign: keys.Sign}
	}
	of := func(subPath string, operator render.Operator) render.Template {
		d := testkit.Deployment("default", "docs", func(d *v1alpha1.AirCacheDeployment) { d.Spec.Model.Image.SubPath = subPath })
		template, err := render.NewTemplate(d, render.Pools(&d.Spec, nil)[0], operator)
		if err != nil {
			t.Fatal(err)
		}
		return template
	}
	first, second := of("one", after(0)), of("two", after(0))
	for _, c := range []struct {
		name    string
		inForce render.Template
		by      render.Operator
		want    render.Template
	}{
		{"before a rotation it is the template of then", second, after(0), first},
		{"and after one, for it knows the next key", second, after(1), first},
		{"after two its pods would refuse every directive", second, after(2), of("one", after(2))},
		{"but what is in force stays", first, after(2), first},
	} {
		t.Run(c.name, func(t *testing.T) {
			live := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{render.InputsAnnotation: c.inForce.Inputs}}}
			live.Spec.Template.Annotations = map[string]string{render.TemplateAnnotation: c.inForce.Hash}
			kept := obedient([]revision{{Template: second, number: 2}, {Template: first, number: 1}}, live, c.by)
			if got, err := pinned(v1alpha1.OperatorUpgradePinned, of("one", c.by), kept, live); err != nil || got.Hash != c.want.Hash {
				t.Errorf("got %s, %v, want %s", got.Hash, err, c.want.Hash)
			}
		})
	}
}

func TestSurplusRevisions(t *testing.T) {
	seen := &world{revisions: map[string][]revision{}, deployments: map[string]*appsv1.Deployment{}}
	keep := func(pool string, hashes ...string) {
		for _, hash := range hashes {
			seen.revisions[pool] = append(seen.revisions[pool], revision{
				Template: render.Template{Hash: hash}, live: &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: pool + "-" + hash}},
			})
		}
	}
	keep("l40s", "9", "8", "7", "6", "5", "4")
	keep("gone", "2", "1")
	seen.orphans = []*appsv1.ControllerRevision{{ObjectMeta: metav1.ObjectMeta{Name: "orphan"}}}
	seen.pods = []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{
		Labels: map[string]string{render.LabelPool: "l40s"}, Annotations: map[string]string{render.TemplateAnnotation: "4"},
	}}, {ObjectMeta: metav1.ObjectMeta{
		Labels: map[string]string{render.LabelPool: "gone"}, Annotations: map[string]string{render.TemplateAnnotation: "2"},
	}}}
	p := &plan{pools: []poolPlan{{Pool: render.Pool{Type: &v1alpha1.GPUType{Name: "l40s"}}, template: render.Template{Hash: "9"}}}}
	var got []string
	for _, r := range surplus(p, seen) {
		got = append(got, r.Name)
	}
	slices.Sort(got)
	if want := "[gone-1 l40s-5 l40s-6 orphan]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s: 9 is wanted, 4 runs, 8 and 7 are kept to go back to", got, want)
	}
}
