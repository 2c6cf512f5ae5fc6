package placement

// move is the next step from what the types were given last to their goal. Pods that do not serve move at once. A ready one goes only
// when enough others serve, so a move first adds one pod to its new type; replicas, the sum of the goal, is exceeded by that one alone.
// The pod of a probe is that one, as long as there is a probe.
func move(types []Type, holds []Hold, goal []int32, replicas int32) []int32 {
	next, ready, room := make([]int32, len(types)), make([]int32, len(types)), replicas+1
	for i, t := range types {
		next[i] = t.Wanted
		if holds[i].Probing {
			next[i], room = min(t.Wanted, holds[i].Replicas), replicas
		}
		ready[i] = min(t.Ready, next[i])
		next[i] -= min(max(0, next[i]-goal[i]), next[i]-ready[i])
	}
	lowerServing(next, ready, goal, replicas)
	lowerTo(next, ready, room)
	raise(next, goal, replicas, room)
	for i, hold := range holds {
		if hold.Probing && sum(next) <= replicas {
			next[i] = max(next[i], hold.Replicas+1)
		}
	}
	return next
}

// lowerServing takes ready pods from types that have too many, the last type first, as long as replicas go on serving.
func lowerServing(next, ready, goal []int32, replicas int32) {
	spare := sum(ready) - replicas
	for i := len(next) - 1; i >= 0 && spare > 0; i-- {
		if less := min(spare, next[i]-goal[i]); less > 0 {
			next[i] -= less
			ready[i] = min(ready[i], next[i])
			spare -= less
		}
	}
}

// lowerTo takes pods that do not serve, those of the last type first, until no more than room are left.
func lowerTo(next, ready []int32, room int32) {
	for i := len(next) - 1; i >= 0; i-- {
		if over := sum(next) - room; over > 0 {
			next[i] -= min(over, next[i]-ready[i])
		}
	}
}

// raise adds pods to types that have too few, in order: all that are missing, and one more for a move.
func raise(next, goal []int32, replicas, room int32) {
	missing := replicas - sum(next)
	for i := range next {
		more := min(max(0, missing), max(0, goal[i]-next[i]))
		next[i] += more
		missing -= more
	}
	for i := range next {
		if next[i] < goal[i] && sum(next) < room {
			next[i]++
		}
	}
}

func sum(list []int32) int32 {
	var total int32
	for _, n := range list {
		total += n
	}
	return total
}
