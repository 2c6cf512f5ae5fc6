package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// kind of fault.
type kind string

const (
	killLeader     kind = "kill the leader"
	killFollower   kind = "kill a follower"
	stopAPIServer  kind = "restart the API server"
	killAPIServer  kind = "kill the API server"
	slowEtcd       kind = "slow etcd down"
	cutWatches     kind = "cut the operators' connections"
	blockOperators kind = "keep the operators from the API server"
	editDeployment kind = "edit a child Deployment"
	forgeTuning    kind = "forge a tuning ConfigMap"
	removeLabels   kind = "remove a child's labels"
	deleteChild    kind = "delete a child"
	killPods       kind = "kill pods"
	drainNode      kind = "drain a node"
	editSpec       kind = "edit a spec, as a user"
	pressPods      kind = "put KV pressure on pods"
	// settle is no fault: it waits until everything is as it should be, and measures how long that takes.
	settle kind = "settle"
)

// weights say how often a fault is drawn beside the others.
var weights = []struct {
	kind
	weight int
}{
	{killLeader, 3}, {killFollower, 1}, {stopAPIServer, 1}, {killAPIServer, 1}, {slowEtcd, 2}, {cutWatches, 2}, {blockOperators, 1},
	{editDeployment, 3}, {forgeTuning, 3}, {removeLabels, 2}, {deleteChild, 2}, {killPods, 3}, {drainNode, 2}, {editSpec, 3}, {pressPods, 3},
}

// fault is one act at a time after the start.
type fault struct {
	At   time.Duration
	Kind kind
	// Object is whom it is about, and Number a draw for what else there is to choose; neither matters to every kind.
	Object, Number int
	For            time.Duration // of what lasts
}

// batch is how many faults come between two looks at whether all is well again.
const batch = 6

// plan draws the faults: one each 1 to 5 s, six in a row, then a wait, whose time is not in At. The first ones are one of each kind in a
// drawn order, so that a plan of a minute has them all.
func plan(seed uint64, length time.Duration, objects int) []fault {
	random := rand.New(rand.NewPCG(seed, 0xc4a05))
	deck := random.Perm(len(weights))
	var faults []fault
	at := time.Duration(0)
	for n := 1; ; n++ {
		at += time.Second + time.Duration(random.IntN(4000))*time.Millisecond
		if at >= length {
			return append(faults, fault{At: length, Kind: settle})
		}
		f := fault{At: at, Kind: draw(random), Object: random.IntN(objects), Number: random.IntN(1 << 16), For: time.Second + time.Duration(random.IntN(7000))*time.Millisecond}
		if n <= len(deck) {
			f.Kind = weights[deck[n-1]].kind
		}
		faults = append(faults, f)
		if n%batch == 0 {
			faults = append(faults, fault{At: at, Kind: settle})
		}
	}
}

func draw(random *rand.Rand) kind {
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	n := random.IntN(total)
	for _, w := range weights {
		if n -= w.weight; n < 0 {
			return w.kind
		}
	}
	panic("drawing a fault: the weights do not add up")
}

func text(faults []fault) string {
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintf(&b, "%8.3f s  %s\n", f.At.Seconds(), f)
	}
	return b.String()
}

func (f fault) String() string {
	if f.Kind == settle {
		return string(settle)
	}
	return fmt.Sprintf("%s (object %d, number %d, for %.1f s)", f.Kind, f.Object, f.Number, f.For.Seconds())
}
