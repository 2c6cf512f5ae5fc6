package plant

import (
	"math"

	"aircache.dev/aircache/controllers/tuner"
)

const hour = 3600.0

// spec is what the traces' AirCacheDeployments ask.
func spec() tuner.Target {
	return tuner.Target{
		Mode: tuner.Auto, FloorPermille: 50, MaxPermille: 1000, MaxStepPermille: 500, KVHighPermille: 850,
		TTFTP95Seconds: 4, ITLP95Seconds: 0.2, MinRecallPermille: 600, MinAgreementPermille: 970, CanaryPermille: 100,
		IntervalSeconds: 5, StabilizationSeconds: 60,
	}
}

func steady(rate float64) func(float64) float64 { return func(float64) float64 { return rate } }

func always(shares ...Share) func(float64) []Share {
	return func(float64) []Share { return shares }
}

// mixed is what a team's assistant sees.
func mixed() []Share { return []Share{{Document, 0.4}, {Photo, 0.35}, {Chart, 0.25}} }

// base is a trace of two pods of one type for two hours.
func base(name, about string, seed uint64) Trace {
	return Trace{
		Name: name, About: about, Seconds: 2 * hour, Seed: seed, Mix: always(mixed()...), Pools: []Pool{{"a10g", A10G, 2}},
		NodeSeconds: 240, MinReplicas: 2, MaxReplicas: 2, Target: spec(), Quality: 0.97,
	}
}

// Traces are the stories, in the order of the report.
func Traces() []Trace {
	list := []Trace{}
	add := func(t Trace, edit func(*Trace)) {
		edit(&t)
		if t.MaxReplicas > t.MinReplicas {
			t.Target.MaxReplicas = int32(t.MaxReplicas)
		}
		list = append(list, t)
	}
	add(base("steady", "a load that two pods carry at half of their pages", 1), func(t *Trace) { t.Rate = steady(2.2) })
	add(base("step", "the load doubles after half an hour and falls back an hour later", 2), func(t *Trace) {
		t.Rate = func(at float64) float64 {
			if at > hour/2 && at < 1.5*hour {
				return 2.6
			}
			return 1.3
		}
	})
	add(base("diurnal", "a day in six hours, with bursts of heavy tail", 3), func(t *Trace) {
		t.Seconds, t.BurstEvery = 6*hour, 900
		t.Rate = func(at float64) float64 { return 1.3 - 1.0*math.Cos(2*math.Pi*at/(6*hour)) }
	})
	add(base("bursts", "a light load with bursts of heavy tail every ten minutes", 4), func(t *Trace) {
		t.Rate, t.BurstEvery = steady(1.1), 600
	})
	add(base("picture sizes", "photos give way to large documents, at the same rate", 5), func(t *Trace) {
		t.Rate = steady(1.5)
		t.Mix = func(at float64) []Share {
			if at > hour {
				return []Share{{Document, 0.9}, {Chart, 0.1}}
			}
			return []Share{{Photo, 0.8}, {Chart, 0.2}}
		}
	})
	add(base("text", "pictures give way to long texts that cannot be compressed", 6), func(t *Trace) {
		t.MaxReplicas = 5
		t.Rate = steady(2.0)
		t.Mix = func(at float64) []Share {
			if at > hour/2 {
				return []Share{{Text, 0.95}, {Photo, 0.05}}
			}
			return mixed()
		}
	})
	add(base("prefill bound", "answers become short and questions frequent: prefill takes the time, not the cache", 7), func(t *Trace) {
		t.MaxReplicas = 6
		t.Rate = func(at float64) float64 {
			if at > hour/2 {
				return 5
			}
			return 1.5
		}
		t.Mix = func(at float64) []Share {
			if at > hour/2 {
				short := Document
				short.Name, short.Answer, short.AnswerSpread = "document, short answer", 25, 0.3
				return []Share{{short, 1}}
			}
			return mixed()
		}
	})
	add(base("growth", "the load grows to three times what two pods carry; replicas may follow", 8), func(t *Trace) {
		t.MaxReplicas = 8
		t.Rate = func(at float64) float64 { return 1.2 + 4.8*math.Min(at/(1.5*hour), 1) }
	})
	add(base("two GPU types", "one A10G and one L40S behind one Service", 9), func(t *Trace) {
		t.Pools = []Pool{{"a10g", A10G, 1}, {"l40s", L40S, 1}}
		t.BurstEvery = 900
		t.Rate = steady(1.9)
	})
	add(base("rollout", "all pods are replaced under load", 10), func(t *Trace) {
		t.Pools[0].Replicas, t.MinReplicas, t.MaxReplicas = 3, 3, 3
		t.Rate = steady(3.2)
		t.Events = []Event{{At: hour, Kind: Rollout}}
	})
	add(base("HPA", "a HorizontalPodAutoscaler moves the replicas by KV usage at the same time", 11), func(t *Trace) {
		t.HPA = &HPA{0.6, 2, 6}
		t.Rate = func(at float64) float64 { return 2.2 - 1.2*math.Cos(2*math.Pi*at/hour) }
	})
	add(base("spot loss", "a third of the pods is lost at the peak, a new node takes five minutes", 12), func(t *Trace) {
		t.Pools[0].Replicas, t.MinReplicas, t.MaxReplicas, t.NodeSeconds = 3, 3, 3, 300
		t.Rate = steady(2.6)
		t.Events = []Event{{At: hour / 2, Kind: LosePod}, {At: hour, Kind: LosePod}, {At: 1.2 * hour, Kind: LosePod}}
	})
	add(base("recall cliff", "a model whose answers break below 30 % though its recall there is middling", 13), func(t *Trace) {
		t.Rate = steady(1.9)
		cliff := Document
		cliff.CliffAt, cliff.Name = 0.3, "document, cliff"
		t.Mix = always(Share{cliff, 0.8}, Share{Photo, 0.2})
	})
	add(base("unguarded cliff", "the same model while agreement alone guards, and a load that rises for an hour", 15), func(t *Trace) {
		t.Rate = func(at float64) float64 { return 0.4 + 1.5*math.Min(at/hour, 1) }
		t.Target.MinRecallPermille = 0
		cliff := Document
		cliff.CliffAt, cliff.Name = 0.3, "document, cliff"
		t.Mix = always(Share{cliff, 0.8}, Share{Photo, 0.2})
	})
	add(base("lying metrics", "pods do not answer, answer with nonsense, or go backwards", 14), func(t *Trace) {
		t.Rate, t.BurstEvery = steady(2.0), 900
		t.Spoil = func(at float64, pod string) Fault {
			switch minute := int(at / 60); {
			case minute%20 == 7:
				return Missing
			case minute%20 == 11 && pod == "a10g-1":
				return Nonsense
			case minute%20 == 13:
				return Old
			case minute%20 == 15 && pod == "a10g-2":
				return Backwards
			}
			return Honest
		}
	})
	return list
}
