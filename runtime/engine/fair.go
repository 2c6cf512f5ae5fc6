package engine

import "slices"

// queue holds the waiting requests, fair between tenants by start-time fair queueing: each tenant has a counter of the tokens that were
// worked on for it, prompt rows as they are prefilled and answer tokens as they come, and the tenant with the lowest counter is
// next. One that comes back after a pause starts where the one chosen last stands, so nobody saves turns up. Within a tenant it is
// first in, first out. The request whose turn it is keeps the turn until it is admitted: a long prompt that waits for pages is
// overtaken by nobody, of no tenant.
//
// So two tenants that always have requests waiting differ by the tokens of the requests that are admitted at once, and one request,
// at most. With one tenant, or without API keys, the queue is strictly first in, first out.
//
//	tenant a at 900 tokens, b at 500, c idle  ->  b; its prompt of 600 is prefilled: b at 1100, then a is next
//	c comes with its first request            ->  c starts at 500, where b stood when it was chosen: c is next
type queue struct {
	tenants  map[string]*tenant
	backlog  []*tenant // with waiting requests, in the order in which they came to have some
	size     int
	next     *job   // whose turn it is; nil: not decided
	now      int64  // counter of the tenant chosen last, when it was chosen
	pushed   []*job // out of a full queue, by tenants that had fewer waiting
	arrivals uint64
}

type tenant struct {
	name    string
	served  int64 // tokens
	waiting []*job
	open    int // requests that were admitted and have not ended
}

// idleTenants are remembered until there are so many.
const idleTenants = 1024

func (q *queue) tenantOf(name string) *tenant {
	if t := q.tenants[name]; t != nil {
		return t
	}
	if q.tenants == nil {
		q.tenants = map[string]*tenant{}
	}
	if len(q.tenants) >= idleTenants {
		for name, t := range q.tenants {
			if len(t.waiting)+t.open == 0 && t.served <= q.now { // nothing is lost: it would start at now
				delete(q.tenants, name)
			}
		}
	}
	t := &tenant{name: name, served: q.now}
	q.tenants[name] = t
	return t
}

// add queues a request behind those of its tenant. A queue that holds limit requests has no room, but for tenants that have fewer
// waiting than another: then that one's latest request leaves.
func (q *queue) add(j *job, limit int) bool {
	t := q.tenantOf(j.request.Tenant)
	if q.size >= limit && !q.push(t) {
		return false
	}
	if len(t.waiting) == 0 {
		t.served = max(t.served, q.now)
		q.backlog = append(q.backlog, t)
	}
	t.waiting = append(t.waiting, j)
	q.arrivals++
	j.tenant, j.arrival = t, q.arrivals
	q.size++
	return true
}

// push makes a tenant that has more waiting than t, after t's next one, give up its latest request.
func (q *queue) push(t *tenant) bool {
	longest := t
	for _, other := range q.backlog {
		if len(other.waiting) > len(longest.waiting) {
			longest = other
		}
	}
	if len(longest.waiting) <= len(t.waiting)+1 {
		return false
	}
	last := longest.waiting[len(longest.waiting)-1]
	if last == q.next {
		return false
	}
	q.remove(last)
	q.pushed = append(q.pushed, last)
	return true
}

// turn is the request whose turn it is; nil: none waits.
func (q *queue) turn() *job {
	if q.next != nil || q.size == 0 {
		return q.next
	}
	least := q.backlog[0]
	for _, t := range q.backlog[1:] {
		if t.served < least.served || t.served == least.served && t.waiting[0].arrival < least.waiting[0].arrival {
			least = t
		}
	}
	q.now = max(q.now, least.served)
	q.next = least.waiting[0]
	return q.next
}

// admit takes the request whose turn it is off the queue.
func (q *queue) admit() {
	j := q.turn()
	q.remove(j)
	j.tenant.open++
}

func (q *queue) remove(j *job) {
	t := j.tenant
	t.waiting = slices.DeleteFunc(t.waiting, func(other *job) bool { return other == j })
	if len(t.waiting) == 0 {
		q.backlog = slices.DeleteFunc(q.backlog, func(other *tenant) bool { return other == t })
	}
	if q.next == j {
		q.next = nil
	}
	q.size--
}

// take removes the requests that are wanted.
func (q *queue) take(wanted func(*job) bool) (taken []*job) {
	for _, t := range q.backlog {
		for _, j := range t.waiting {
			if wanted(j) {
				taken = append(taken, j)
			}
		}
	}
	for _, j := range taken {
		q.remove(j)
	}
	return taken
}

// pay charges a job's tenant for what was done since the last time.
func (j *job) pay() {
	if j.tenant != nil {
		j.tenant.served += int64(j.unpaid)
		j.unpaid = 0
	}
}

// left counts an admitted job that has ended.
func (j *job) left() {
	j.pay()
	if j.tenant != nil && j.admitted {
		j.tenant.open--
	}
}
