package placement

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"
)

var update = flag.Bool("update", false, "write testdata from what is decided now")

// TestTranscripts are whole stories over simulated capacity. A line is the time, and for each type how many pods are ready of those
// that it is given.
func TestTranscripts(t *testing.T) {
	for name, story := range map[string]func() *site{
		"spill-and-return": func() *site {
			first, second := gpu("l40s", 2), gpu("a100", 8)
			s := newSite(3, first, second)
			s.says("three replicas; there are two l40s nodes, and the autoscaler says so")
			s.runFor(20 * time.Minute)
			first.nodes = 3
			s.says("a third l40s node can be had")
			s.runFor(30 * time.Minute)
			return s
		},
		"silent-autoscaler": func() *site {
			first, second := gpu("l40s", 1), gpu("a100", 8)
			first.announce = false
			s := newSite(2, first, second)
			s.says("two replicas; there is one l40s node, and nobody says that there is no other")
			s.runFor(10 * time.Minute)
			return s
		},
		"scale-from-zero-and-on": func() *site {
			first, second, third := gpu("l40s", 0), gpu("a100", 2), gpu("h100", 8)
			s := newSite(0, first, second, third)
			s.runFor(time.Minute)
			s.replicas = 2
			s.says("two replicas; there is no l40s")
			s.runFor(10 * time.Minute)
			s.replicas = 5
			s.says("five replicas")
			s.runFor(10 * time.Minute)
			s.replicas = 1
			s.says("one replica")
			s.runFor(30 * time.Minute)
			return s
		},
		"probe-finds-nothing": func() *site {
			s := newSite(2, gpu("l40s", 1), gpu("a100", 8))
			s.runFor(70 * time.Minute)
			return s
		},
		"all-out": func() *site {
			first, second := gpu("l40s", 0), gpu("a100", 0)
			s := newSite(2, first, second)
			s.says("no node anywhere")
			s.runFor(10 * time.Minute)
			first.nodes = 2
			s.says("two l40s nodes can be had")
			s.runFor(20 * time.Minute)
			return s
		},
		"spot-interruption": func() *site {
			first, second := gpu("spot", 2), gpu("on-demand", 8)
			s := newSite(2, first, second)
			s.runFor(10 * time.Minute)
			s.says("one spot node is taken away")
			s.takeNode(first)
			s.runFor(10 * time.Minute)
			s.says("it comes back")
			first.nodes++
			s.runFor(40 * time.Minute)
			return s
		},
		"limit-lowered": func() *site {
			first, second := gpu("l40s", 8), gpu("a100", 8)
			s := newSite(3, first, second)
			s.runFor(10 * time.Minute)
			first.max = ptr.To(int32(1))
			s.says("maxReplicas of l40s: 1")
			s.runFor(20 * time.Minute)
			first.max = ptr.To(int32(0))
			s.replicas = 2
			s.says("maxReplicas of l40s: 0, and two replicas")
			s.runFor(20 * time.Minute)
			return s
		},
		"no-room-anywhere": func() *site {
			first, second := gpu("l40s", 1), gpu("a100", 8)
			second.max = ptr.To(int32(1))
			s := newSite(2, first, second)
			s.runFor(10 * time.Minute)
			s.replicas = 4
			s.says("four replicas: a100 may take one")
			s.runFor(10 * time.Minute)
			first.nodes = 3
			s.says("two more l40s nodes can be had")
			s.runFor(10 * time.Minute)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := story()
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(s.log.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), s.log.String()); diff != "" {
				t.Errorf("the transcript differs (-want +got); go test ./controllers/placement -update writes it anew:\n%s", diff)
			}
		})
	}
}
