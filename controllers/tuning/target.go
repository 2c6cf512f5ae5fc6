package tuning

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"time"

	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/controllers/tuner"
)

// The API's own defaults, for objects that were stored before a field existed.
const (
	defaultInterval      = 15
	defaultStabilization = 120
	defaultMinRecall     = 85
	defaultShadow        = 10
	defaultMinAgreement  = 97
	defaultCanary        = 100
)

func interval(d *v1alpha1.AirCacheDeployment) time.Duration {
	seconds := d.Spec.Tuning.IntervalSeconds
	if seconds <= 0 {
		seconds = defaultInterval
	}
	return time.Duration(seconds) * time.Second
}

// targetOf is what spec asks for one pool, in the tuner's units.
func targetOf(d *v1alpha1.AirCacheDeployment, bounds render.Bounds) tuner.Target {
	spec := &d.Spec
	t := tuner.Target{
		Mode:            tuner.Mode(spec.Tuning.Mode),
		StartPermille:   bounds.StartPermille,
		FloorPermille:   bounds.FloorPermille,
		MaxPermille:     bounds.CeilingPermille,
		MaxStepPermille: 10 * spec.Tuning.MaxStepPercent,

		MinRecallPermille:    10 * ptr.Deref(spec.Quality.MinRecallPercent, defaultMinRecall),
		OnViolation:          tuner.OnViolation(spec.Quality.OnViolation),
		CanaryPermille:       ptr.Deref(spec.Tuning.CanaryPermille, defaultCanary),
		Subject:              subject(spec),
		IntervalSeconds:      interval(d).Seconds(),
		StabilizationSeconds: float64(ptr.Deref(spec.Tuning.StabilizationSeconds, defaultStabilization)),
	}
	if ptr.Deref(spec.Quality.ShadowSamplePermille, defaultShadow) > 0 { // else nothing is compared
		t.MinAgreementPermille = 10 * cmp.Or(spec.Quality.MinAgreementPercent, defaultMinAgreement)
	}
	if spec.Cache.Policy == v1alpha1.PolicyFull {
		t.Mode = tuner.Fixed
	}
	if o := spec.Objectives; o != nil {
		t.KVHighPermille = 10 * ptr.Deref(o.KVUtilizationPercent, 0)
		t.TTFTP95Seconds = float64(ptr.Deref(o.TTFTP95Milliseconds, 0)) / 1000
		t.ITLP95Seconds = float64(ptr.Deref(o.ITLP95Milliseconds, 0)) / 1000
	}
	return t
}

// maxReplicas is the most pods that a pool may have, 0 without a limit: that of its type. Where the cluster chooses among the types, all
// of them together bound it.
func maxReplicas(of render.Pool) (most int32) {
	types := of.AnyOf
	if len(types) == 0 {
		types = []render.Pool{of}
	}
	for _, t := range types {
		if t.Type.MaxReplicas == nil {
			return 0
		}
		most += *t.Type.MaxReplicas
	}
	return most
}

// subject is a number of the model and of how its cache is compressed: never 0, and another one when either is changed.
func subject(spec *v1alpha1.AirCacheDeploymentSpec) uint32 {
	about, _ := json.Marshal([]any{spec.Model, spec.Cache.Policy, spec.Cache.LayerBudget, spec.Cache.Options}) // API types always can be written
	h := fnv.New32a()
	_, _ = h.Write(about)
	return max(h.Sum32(), 1)
}

// seed is a pool's State from what status says was in force. The error says what of it was not understood; the State is usable.
func seed(d *v1alpha1.AirCacheDeployment, poolName string) (tuner.State, v1alpha1.PoolStatus, error) {
	for _, p := range d.Status.Pools {
		if p.Name == poolName && p.Tuning.TargetPermille > 0 {
			t := p.Tuning
			state := tuner.Seed(tuner.Applied{
				Epoch: t.Epoch, Revision: t.Revision, TargetPermille: t.TargetPermille,
				CandidatePermille: t.CandidatePermille, CanaryPermille: t.CanaryPermille,
			}, t.LastKnownGoodPermille)
			state, err := state.WithAgreementGuard(t.AgreementFloorPermille).WithLearned(tuner.Learned(ptr.Deref(t.Learned, v1alpha1.LearnedTuning{})))
			return state, p, err
		}
	}
	return tuner.State{}, v1alpha1.PoolStatus{}, nil
}
