package tuning

import (
	"time"

	"aircache.dev/aircache/controllers/observe"
	"aircache.dev/aircache/controllers/tuner"
)

// splitPatience is how long a pool whose pods disagree under one number is given before it is numbered anew once more: a pod
// that lies about its value would otherwise make every look a new epoch.
const splitPatience = time.Minute

// maxEpoch keeps epochs within what JSON readers that use doubles see exactly.
const maxEpoch = 1<<53 - 1

const (
	// maxLead is how many epochs pods may be ahead of status: an epoch is one change of leaders.
	maxLead = 1 << 20
	// maxRevision is more changes than one leader makes in a thousand years.
	maxRevision = 1 << 34
)

// number puts what was decided now into an epoch of this process.
//
// A leader takes over value and order from status and pods as they are, so that nothing moves when operators change. Its first change
// begins the next epoch: whatever the leader before it still sends, from a push that was under way or because it does not know yet,
// is older than that. Example: epoch 1, revision 8 is in force; the old leader says (1, 9), the new one (2, 1), and all pods end at (2, 1).
//
// Two leaders that both began after the same one may still say different things under one number, and each pod keeps what came first. Who sees
// that says its own value again in the next epoch.
func (p *pool) number(before tuner.Applied, pods []tuner.Applied, now time.Time) {
	newest := newestOf(before, pods)
	own := p.state.Applied()
	isChange := isNewer(own, newest)
	switch {
	case isChange && newest.Epoch <= 0: // the first that anybody says
		p.epoch = own.Epoch
	case isChange && p.epoch != own.Epoch:
		p.beginEpoch(own.Epoch + 1)
	case !isChange && isSplit(own, pods) && now.Sub(p.renumbered) >= splitPatience:
		p.beginEpoch(own.Epoch + 1)
		p.renumbered = now
	}
}

func (p *pool) beginEpoch(epoch int64) {
	if epoch <= maxEpoch {
		p.state.Epoch, p.state.Revision, p.epoch = epoch, 1, epoch
	}
}

// believable is what pods say that they apply, but for numbers that no operator can have come to: taken over, they would leave no room
// to count on, and every other pod of the pool would be told under them.
func believable(known tuner.Applied, pods []observe.Result) []tuner.Applied {
	var list []tuner.Applied
	for _, r := range pods {
		if a := r.Snapshot.Applied(); r.Err == nil && a.Epoch <= known.Epoch+maxLead && a.Revision <= maxRevision {
			list = append(list, a)
		}
	}
	return list
}

func newestOf(first tuner.Applied, pods []tuner.Applied) tuner.Applied {
	for _, a := range pods {
		if isNewer(a, first) {
			first = a
		}
	}
	return first
}

func isNewer(a, b tuner.Applied) bool {
	return a.Epoch > b.Epoch || a.Epoch == b.Epoch && a.Revision > b.Revision
}

// isSplit tells whether a pod applies another value under the order of own.
func isSplit(own tuner.Applied, pods []tuner.Applied) bool {
	for _, a := range pods {
		if a != own && a.Epoch == own.Epoch && a.Revision == own.Revision && a.Revision > 0 {
			return true
		}
	}
	return false
}
