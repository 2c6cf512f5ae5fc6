package placement

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// site is a simulated cluster: nodes that hold one pod each, bought on demand up to what each type has, and models that take a while
// to load.
type site struct {
	start, now time.Time
	replicas   int32
	types      []*siteType
	log        strings.Builder
	last       string
	check      func(in Input, out Output)
}

type siteType struct {
	name     string
	max      *int32
	nodes    int  // that can be had at this moment
	announce bool // the autoscaler says so when there is none
	boot     time.Duration
	load     time.Duration
	drain    time.Duration

	wanted int32
	hold   Hold
	pods   []*sitePod
	nextID int
}

type sitePod struct {
	id                     int
	bound, ready, leavesAt time.Time // zero: not yet
}

var never = time.Unix(math.MaxInt32, 0)

func newSite(replicas int32, types ...*siteType) *site {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	return &site{start: start, now: start, replicas: replicas, types: types, check: func(Input, Output) {}}
}

func gpu(name string, nodes int) *siteType {
	return &siteType{name: name, nodes: nodes, announce: true, boot: 90 * time.Second, load: 60 * time.Second, drain: 30 * time.Second}
}

func (t *siteType) used() (n int) {
	for _, p := range t.pods {
		if !p.bound.IsZero() {
			n++
		}
	}
	return n
}

// kubernetes plays the controllers, the autoscaler and the kubelet at this moment.
func (s *site) kubernetes() {
	for _, t := range s.types {
		t.pods = slices.DeleteFunc(t.pods, func(p *sitePod) bool { return !p.leavesAt.IsZero() && !s.now.Before(p.leavesAt) })
		var live []*sitePod
		for _, p := range t.pods {
			if p.leavesAt.IsZero() {
				live = append(live, p)
			}
		}
		for len(live) < int(t.wanted) {
			p := &sitePod{id: t.nextID}
			t.nextID++
			t.pods, live = append(t.pods, p), append(live, p)
		}
		// Without a node first, then not ready, then the newest: as a ReplicaSet chooses.
		slices.SortFunc(live, func(a, b *sitePod) int {
			return cmpOf(a, s.now) - cmpOf(b, s.now)
		})
		for _, p := range live[t.wanted:] {
			p.leavesAt = s.now
			if !p.bound.IsZero() && !s.now.Before(p.ready) {
				p.leavesAt = s.now.Add(t.drain)
			}
		}
		t.pods = slices.DeleteFunc(t.pods, func(p *sitePod) bool { return !p.leavesAt.IsZero() && !s.now.Before(p.leavesAt) })
		for _, p := range t.pods {
			if p.bound.IsZero() && p.leavesAt.IsZero() && t.used() < t.nodes {
				p.bound = s.now.Add(t.boot)
				p.ready = p.bound.Add(t.load)
			}
		}
	}
}

func cmpOf(p *sitePod, now time.Time) int {
	switch {
	case p.bound.IsZero():
		return 3_000_000 + p.id
	case now.Before(p.ready):
		return 2_000_000 + p.id
	}
	return 1_000_000 + p.id
}

func (s *site) input() Input {
	in := Input{Now: s.now, Replicas: s.replicas, FallbackAfter: 180 * time.Second, ReturnAfter: 30 * time.Minute}
	for _, t := range s.types {
		seen := Type{Name: t.name, Max: t.max, Wanted: t.wanted, Hold: t.hold}
		var live, bound, ending int32
		for _, p := range t.pods {
			switch {
			case !p.leavesAt.IsZero():
				ending++
				continue
			case !p.bound.IsZero() && !s.now.Before(p.bound):
				bound++
			}
			live++
			if !p.bound.IsZero() && !s.now.Before(p.ready) {
				seen.Ready++
			}
			if t.announce && p.bound.IsZero() {
				seen.NoCapacity++
			}
		}
		seen.Stuck = min(live-bound, max(0, t.wanted-bound-ending))
		in.Types = append(in.Types, seen)
	}
	return in
}

// runFor lets everything happen that happens in a time, and writes down what changes.
func (s *site) runFor(d time.Duration) {
	end := s.now.Add(d)
	for {
		next := s.settle()
		for _, t := range s.types {
			for _, p := range t.pods {
				for _, at := range []time.Time{p.bound, p.ready, p.leavesAt} {
					if at.After(s.now) && at.Before(next) {
						next = at
					}
				}
			}
		}
		if next.After(end) {
			s.now = end
			return
		}
		s.now = next
	}
}

// settle decides until nothing changes, as reconciles follow what they and Kubernetes did; it tells when to decide again.
func (s *site) settle() time.Time {
	for range 20 {
		s.kubernetes()
		in := s.input()
		out := Place(in)
		s.check(in, out)
		changed := false
		for i, t := range s.types {
			changed = changed || t.wanted != out.Replicas[i] || t.hold != out.Holds[i]
			t.wanted, t.hold = out.Replicas[i], out.Holds[i]
		}
		s.write(in, out)
		if changed {
			continue
		}
		if out.Next.IsZero() {
			return never
		}
		return out.Next
	}
	panic("decisions do not come to rest:\n" + s.log.String())
}

func (s *site) write(in Input, out Output) {
	var parts []string
	for i, t := range in.Types {
		part := fmt.Sprintf("%s %d/%d", t.Name, t.Ready, out.Replicas[i])
		if t.Stuck > 0 {
			part += fmt.Sprintf(" (%d stuck)", t.Stuck)
		}
		parts = append(parts, part)
	}
	line := strings.Join(parts, ", ")
	if out.Unplaced > 0 {
		line += fmt.Sprintf(", unplaced %d", out.Unplaced)
	}
	if line == s.last && len(out.Notes) == 0 {
		return
	}
	s.last = line
	fmt.Fprintf(&s.log, "%8s  %s\n", s.now.Sub(s.start).Round(time.Second), line)
	for _, n := range out.Notes {
		fmt.Fprintf(&s.log, "%8s    %s %s: %s\n", "", n.Action, n.Type, n.Text)
	}
}

func (s *site) says(format string, values ...any) {
	fmt.Fprintf(&s.log, "%8s  # %s\n", s.now.Sub(s.start).Round(time.Second), fmt.Sprintf(format, values...))
}

// takeNode takes the oldest node of a type away, with its pod, and none comes in its place.
func (s *site) takeNode(t *siteType) {
	for i, p := range t.pods {
		if !p.bound.IsZero() {
			t.pods = slices.Delete(t.pods, i, i+1)
			break
		}
	}
	t.nodes--
}
