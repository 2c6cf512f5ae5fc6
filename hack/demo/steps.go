package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/ask"
	"aircache.dev/aircache/e2e/harness"
)

const (
	operatorNamespace = "aircache-system"
	demoNamespace     = "aircache-demo"
	maxTokens         = 64
)

// demo is the state that its steps share.
type demo struct {
	options
	cluster   *harness.Cluster
	start     time.Time
	object    *v1alpha1.AirCacheDeployment
	questions []ask.Question
}

func (d *demo) say(format string, args ...any) {
	fmt.Printf("[%5.1fs] %s\n", time.Since(d.start).Seconds(), fmt.Sprintf(format, args...))
}

// chartOf is the release that the demo installs.
func (d *demo) chartOf() harness.Chart {
	return harness.Chart{Folder: d.chart, Release: "aircache", Namespace: operatorNamespace}
}

func (d *demo) show(ctx context.Context) error {
	var err error
	if d.questions, err = ask.Load(d.samples); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{d.install, d.apply, d.waitReady, d.askSome, d.putLoad} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) install(ctx context.Context) error {
	d.say("installing the operator from %s", d.chart)
	values, err := harness.ChartValues(d.operatorImage, d.runtimeImage)
	if err != nil {
		return err
	}
	if err := d.cluster.EnsureNamespace(ctx, operatorNamespace); err != nil {
		return err
	}
	return d.chartOf().Install(ctx, values)
}

func (d *demo) apply(ctx context.Context) error {
	object, err := harness.ReadDeployment(d.manifest)
	if err != nil {
		return err
	}
	object.Namespace = demoNamespace
	object.Spec.Model.Image.Reference = d.modelImage
	d.object = object
	d.say("applying AirCacheDeployment %s from %s", client.ObjectKeyFromObject(object), d.manifest)
	if err := d.cluster.EnsureNamespace(ctx, demoNamespace); err != nil {
		return err
	}
	return d.cluster.Apply(ctx, object.DeepCopy())
}

func (d *demo) waitReady(ctx context.Context) error {
	last := ""
	err := wait.PollUntilContextTimeout(ctx, 250*time.Millisecond, 4*time.Minute, true, func(ctx context.Context) (bool, error) {
		if err := d.refresh(ctx); err != nil {
			return false, err
		}
		ready := meta.FindStatusCondition(d.object.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil {
			return false, nil
		}
		if ready.Message != last {
			last = ready.Message
			d.say("Ready=%s %s: %s", ready.Status, ready.Reason, ready.Message)
		}
		return ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == d.object.Generation, nil
	})
	if err != nil {
		return fmt.Errorf("waiting until %s is Ready (last: %s): %w", d.object.Name, last, err)
	}
	return nil
}

func (d *demo) refresh(ctx context.Context) error {
	return d.cluster.Get(ctx, client.ObjectKeyFromObject(d.object), d.object)
}

// client asks through the Service.
func (d *demo) client() ask.Client {
	model := d.object.Spec.Model.ServedName
	if model == "" {
		model = d.object.Name
	}
	return ask.Client{HTTP: d.cluster.HTTP(), URL: d.cluster.ServiceURL(d.object.Namespace, d.object.Name, ""), Model: model}
}

// askSome asks one question of each task and holds the answers against the truth.
func (d *demo) askSome(ctx context.Context) error {
	d.say("asking about pictures through Service %s, full KV cache at first", d.object.Name)
	right, seen := 0, map[string]bool{}
	for _, q := range d.questions {
		if seen[q.Task] {
			continue
		}
		seen[q.Task] = true
		answer, err := d.client().Ask(ctx, q, maxTokens)
		if err != nil {
			return err
		}
		verdict := "WRONG"
		if q.Right(answer.Text) {
			verdict = "right"
			right++
		}
		fmt.Printf("         %-11s %s\n         %11s answer %q  truth %q  %s, retention %.1f %%, %d of %d picture tokens kept\n", q.Picture, q.Text, "",
			answer.Text, q.Expected, verdict, float64(answer.RetentionPermille)/10, answer.VisualTokensKept, answer.VisualTokens)
	}
	if 10*right < 8*len(seen) {
		return fmt.Errorf("%d of %d answers were right, expected at least 80 %%", right, len(seen))
	}
	return nil
}

func (d *demo) tearDown(ctx context.Context) error {
	d.say("removing the sample and the operator")
	if d.object != nil {
		if err := client.IgnoreNotFound(d.cluster.Delete(ctx, d.object, client.PropagationPolicy(metav1.DeletePropagationForeground))); err != nil {
			return fmt.Errorf("deleting %s: %w", d.object.Name, err)
		}
		if err := d.cluster.WaitGone(ctx, d.object); err != nil {
			return err
		}
	}
	if err := d.chartOf().Uninstall(ctx); err != nil {
		return err
	}
	if err := d.cluster.DeleteCRDs(ctx); err != nil {
		return err
	}
	for _, name := range []string{demoNamespace, operatorNamespace} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := client.IgnoreNotFound(d.cluster.Delete(ctx, namespace)); err != nil {
			return fmt.Errorf("deleting namespace %s: %w", name, err)
		}
	}
	return nil
}
