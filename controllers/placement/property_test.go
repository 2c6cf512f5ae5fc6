package placement

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"k8s.io/utils/ptr"
)

// TestInvariants plays random clusters against Place: capacity comes and goes, limits and replicas change, nodes are taken away.
func TestInvariants(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			var types []*siteType
			for i := range 1 + random.IntN(4) {
				one := gpu(fmt.Sprintf("type%d", i), random.IntN(5))
				one.announce = random.IntN(2) == 0
				types = append(types, one)
			}
			s := newSite(int32(random.IntN(6)), types...)
			s.check = func(in Input, out Output) { checkStep(t, s, in, out) }
			for range 15 {
				one := types[random.IntN(len(types))]
				switch random.IntN(5) {
				case 0:
					one.nodes = random.IntN(6)
				case 1:
					s.replicas = int32(random.IntN(6))
				case 2:
					one.max = ptr.To(int32(random.IntN(5)))
				case 3:
					one.max = nil
				case 4:
					if one.used() > 0 {
						s.takeNode(one)
					}
				}
				s.runFor(time.Duration(random.IntN(3000)) * time.Second)
			}
			types[len(types)-1].nodes, types[len(types)-1].max, s.replicas = 10, nil, 3
			s.says("the last type has ten nodes")
			s.runFor(5 * time.Hour)
			if in := s.input(); readyOf(in) < s.replicas {
				t.Errorf("%d of %d replicas serve five hours after a type has room for all\n%s", readyOf(in), s.replicas, s.log.String())
			}
		})
	}
}

// checkStep holds one decision to what must never happen.
func checkStep(t *testing.T, s *site, in Input, out Output) {
	t.Helper()
	fail := func(format string, values ...any) {
		t.Helper()
		t.Fatalf("%s: %s\n%+v\n%+v\n%s", in.Now.Sub(s.start), fmt.Sprintf(format, values...), in, out, s.log.String())
	}
	placeable, probes := in.Replicas-out.Unplaced, 0
	if total := sum(out.Replicas); total > placeable+1 {
		fail("%d pods are wanted for %d replicas", total, placeable)
	}
	serving := int32(0)
	for i, n := range out.Replicas {
		now := in.Types[i]
		if now.Max != nil && n > *now.Max && n > now.Wanted {
			fail("%s gets more pods, above its limit", now.Name)
		}
		if n < 0 {
			fail("%s gets %d pods", now.Name, n)
		}
		serving += min(n, now.Ready)
		if out.Holds[i].Probing {
			probes++
		}
	}
	if serving < min(readyOf(in), placeable) {
		fail("pods that serve go: %d of %d stay", serving, readyOf(in))
	}
	if probes > 1 {
		fail("%d types are probed at once", probes)
	}
	if !out.Next.IsZero() && !out.Next.After(in.Now) {
		fail("the next look is in the past: %s", out.Next)
	}
}

// readyOf are the pods that serve and were wanted: a pod of a type that was given fewer is on its way out.
func readyOf(in Input) (n int32) {
	for _, t := range in.Types {
		n += min(t.Ready, t.Wanted)
	}
	return n
}
