package tuning

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/deployment"
	"aircache.dev/aircache/controllers/directive"
	"aircache.dev/aircache/controllers/observe"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/controllers/tuner"
	"aircache.dev/aircache/runtime/control"
)

// pool is what the loop remembers of one GPU type's pods.
type pool struct {
	state  tuner.State
	memory observe.Memory
	looked time.Time
	edited bool // the spec, since the last look
	report report

	epoch      int64             // the one that this process began; 0: it has changed nothing yet
	renumbered time.Time         // when the pods disagreed last
	refusals   map[string]string // by pod UID, as they were logged
	// quality is the newest, while report has what status should say.
	quality v1alpha1.PoolQuality
}

// seen is what one round found about a pool.
type seen struct {
	name     string
	mode     tuner.Mode
	bounds   render.Bounds
	sample   tuner.Sample
	decision tuner.Decision
	applied  tuner.Applied
	lastGood int32
	acked    int32
	at       time.Time

	agreement      tuner.Mean // at the value in force; no count while it says nothing
	agreementFloor int32
	learned        tuner.Learned
	explained      string // why, with the alternatives; only of changes
}

// look runs one round: every pool of the object, then what status should say of them.
func (l *Loop) look(ctx context.Context, d *v1alpha1.AirCacheDeployment, o *object) (deployment.TuningResult, bool, error) {
	var errs []error
	var round []seen
	wanted := map[string]bool{}
	classes, err := l.classes(ctx, d)
	if err != nil {
		return deployment.TuningResult{}, false, err
	}
	for _, of := range render.Pools(&d.Spec, classes) {
		name := of.Name()
		wanted[name] = true
		p := o.pools[name]
		if p == nil {
			p = &pool{}
			var before v1alpha1.PoolStatus
			var err error
			p.state, before, err = seed(d, name)
			p.report, p.quality = reportFrom(before), before.Quality
			if err != nil {
				p.report.notUnderstood(l.Clock.Now(), err)
				l.Log.Info(err.Error(), "namespace", d.Namespace, "name", d.Name, "pool", name)
			}
			o.pools[name] = p
		}
		if of.MissesClass() {
			continue // its floor is not known: nothing is moved
		}
		p.edited = o.edited
		s, err := l.lookAtPool(ctx, d, of, p)
		if err != nil {
			errs = append(errs, fmt.Errorf("pool %s: %w", name, err))
			continue
		}
		l.Metrics.note(o.name, s)
		l.log(o.name, s)
		round = append(round, s)
	}
	for name := range o.pools {
		if !wanted[name] {
			l.Metrics.forgetPool(o.name, name)
			delete(o.pools, name)
		}
	}
	result, changed := o.view.update(o.pools, round)
	return result, changed, errors.Join(errs...)
}

func (l *Loop) lookAtPool(ctx context.Context, d *v1alpha1.AirCacheDeployment, of render.Pool, p *pool) (seen, error) {
	bounds := render.PoolBounds(&d.Spec, of)
	pods, desired, err := l.readyPods(ctx, d, of.Name())
	if err != nil {
		return seen{}, err
	}
	results, err := l.results(ctx, d, p, l.metricsOf(pods))
	if err != nil {
		return seen{}, err
	}
	now := l.Clock.Now()
	s := seen{name: of.Name(), bounds: bounds, at: now}
	s.sample = p.memory.Sample(now, results)
	s.sample.Desired = desired
	if !p.looked.IsZero() {
		s.sample.ElapsedSeconds = now.Sub(p.looked).Seconds()
	}
	p.looked = now
	claims := believable(p.state.Applied(), results)
	s.sample.Applied = newestOf(tuner.Applied{}, claims)
	target := targetOf(d, bounds)
	target.MaxReplicas = maxReplicas(of)
	s.mode = target.Mode
	before := p.state
	p.state, s.decision = tuner.Next(target, p.state, s.sample)
	p.number(before.Applied(), claims, now)
	if s.decision.Action != tuner.Hold {
		s.explained = tuner.Explain(target, before, s.sample).String()
	}
	s.learned = p.state.Learned()
	s.applied, s.lastGood = p.state.Applied(), p.state.LastGoodPermille
	s.agreement, s.agreementFloor = p.state.Agreement(), p.state.AgreementGuardPermille
	p.quality = qualityOf(s, p.quality)
	var answers []directive.Result
	s.acked, answers = l.push(ctx, d, s, pods, results)
	l.tellRefusals(d, p, s.name, answers)
	return s, nil
}

// results are the pods' metrics. After an edit of the spec those of the last look will do, unless they are stale: with many pods a look takes
// longer than to tell them what the spec says now.
func (l *Loop) results(ctx context.Context, d *v1alpha1.AirCacheDeployment, p *pool, pods []observe.Pod) ([]observe.Result, error) {
	if p.edited {
		p.edited = false
		if last, fresh := p.memory.Last(pods, l.Clock.Now().Add(-staleLooks*interval(d))); fresh {
			return last, nil
		}
	}
	results := l.Scraper.Scrape(ctx, pods, interval(d))
	if err := ctx.Err(); err != nil {
		return nil, err // the answers were cut off: they say nothing about the pods
	}
	l.Metrics.scraped(results)
	return results, nil
}

// classes are the GPU classes that spec names and that exist.
func (l *Loop) classes(ctx context.Context, d *v1alpha1.AirCacheDeployment) (map[string]*v1alpha1.GPUClass, error) {
	classes := map[string]*v1alpha1.GPUClass{}
	for _, t := range d.Spec.GPUTypes {
		if t.GPUClassName == "" {
			continue
		}
		class := &v1alpha1.GPUClass{}
		err := l.Reader.Get(ctx, types.NamespacedName{Name: t.GPUClassName}, class)
		if apierrors.IsNotFound(err) {
			continue // the reconciler says so in status
		}
		if err != nil {
			return nil, fmt.Errorf("getting GPUClass %s: %w", t.GPUClassName, err)
		}
		classes[t.GPUClassName] = class
	}
	return classes, nil
}

func (l *Loop) metricsOf(pods []*corev1.Pod) []observe.Pod {
	list := make([]observe.Pod, len(pods))
	for i, pod := range pods {
		list[i] = observe.Pod{UID: string(pod.UID), URL: l.Address(pod, render.HTTPPort) + "/metrics"}
	}
	return list
}

// push tells the pods that lack the tuning, and counts those that have it.
func (l *Loop) push(ctx context.Context, d *v1alpha1.AirCacheDeployment, s seen, pods []*corev1.Pod, results []observe.Result) (acked int32, answers []directive.Result) {
	var behind []directive.Pod
	for i, pod := range pods {
		if has := results[i].Snapshot.Applied(); results[i].Err == nil && has == s.applied {
			acked++
			continue
		}
		behind = append(behind, directive.Pod{UID: string(pod.UID), URL: l.Address(pod, render.ControlPort) + "/v1/tuning"})
	}
	answers = l.Pusher.Push(ctx, control.Tuning{
		UID: string(d.UID), Pool: s.name, Epoch: s.applied.Epoch, Revision: s.applied.Revision,
		TargetPermille: s.applied.TargetPermille, FloorPermille: s.bounds.FloorPermille,
		CandidatePermille: s.applied.CandidatePermille, CanaryPermille: s.applied.CanaryPermille,
	}, behind)
	l.Metrics.pushed(answers)
	for _, a := range answers {
		if a.Err == nil {
			acked++
		}
	}
	return acked, answers
}

// tellRefusals logs why pods do not have their tuning: a refusal once, for it does not pass by itself, the rest as detail.
func (l *Loop) tellRefusals(d *v1alpha1.AirCacheDeployment, p *pool, poolName string, answers []directive.Result) {
	refusals := map[string]string{}
	for _, a := range answers {
		if a.Err == nil {
			continue
		}
		level, text := 1, a.Err.Error()
		if refused := (*control.Error)(nil); errors.As(a.Err, &refused) {
			if refusals[a.Pod] = text; p.refusals[a.Pod] != text {
				level = 0
			}
		}
		l.Log.V(level).Info("a pod does not have its tuning", "namespace", d.Namespace, "name", d.Name, "pool", poolName, "podUID", a.Pod, "error", text)
	}
	p.refusals = refusals
}

func (l *Loop) log(name types.NamespacedName, s seen) {
	level := 1
	if s.decision.Action != tuner.Hold {
		level = 0
	}
	l.Log.V(level).Info(s.decision.Message, "namespace", name.Namespace, "name", name.Name, "pool", s.name,
		"action", s.decision.Action, "reason", s.decision.Reason, "revision", s.applied.Revision, "acked", s.acked, "pods", s.sample.Expected)
	if s.explained != "" {
		l.Log.V(1).Info("explanation of the change", "namespace", name.Namespace, "name", name.Name, "pool", s.name, "explanation", s.explained)
	}
}
