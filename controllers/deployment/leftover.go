package deployment

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"aircache.dev/aircache/controllers/render"
)

// leftoverWait is how long a Deployment that somebody deleted is not made anew while its pods run on.
const leftoverWait = 2 * time.Minute

// missing remembers since when pools have had pods and no Deployment.
type missing struct {
	mu    sync.Mutex
	since map[missingPool]time.Time
}

type missingPool struct {
	object types.UID
	pool   string
}

// awaitCollector holds back the Deployments of pools whose pods outlive the one that was deleted: the garbage collector takes them as soon as
// it hears of the deletion, mostly at once. A Deployment of the same name that is there before it hears, as after an outage of the API
// server, hides the deletion from it for good, and the old pods would keep their GPUs. Pods that nobody collects, as after a deletion with
// --cascade=orphan, are not waited for longer than leftoverWait: the new Deployment adopts them.
func (m *missing) awaitCollector(object types.UID, p *plan, seen *world, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range p.pools {
		pool := &p.pools[i]
		key := missingPool{object, pool.Name()}
		if seen.deployments[pool.name] != nil || !runsOn(seen, pool.Name()) {
			delete(m.since, key)
			continue
		}
		if _, known := m.since[key]; !known {
			if m.since == nil {
				m.since = map[missingPool]time.Time{}
			}
			m.since[key] = now
		}
		if wait := m.since[key].Add(leftoverWait).Sub(now); wait > 0 {
			pool.heldBack = true
			p.lookAgainIn(wait)
		}
	}
}

// forget an object that is gone.
func (m *missing) forget(object types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.since {
		if key.object == object {
			delete(m.since, key)
		}
	}
}

// runsOn tells whether a pod of the pool is not about to go.
func runsOn(seen *world, pool string) bool {
	for i := range seen.pods {
		if pod := &seen.pods[i]; pod.Labels[render.LabelPool] == pool && pod.DeletionTimestamp.IsZero() {
			return true
		}
	}
	return false
}
