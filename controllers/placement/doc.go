// Package placement spreads replicas over GPU types in order, moves those that find no node to the next type, and tries the earlier type
// again later. It is pure: the state that it needs is handed in and out (Hold, which lives in status), and so is the time.
//
// Place decides in four steps, one file each:
//
//  1. hold.go: which types have run out of nodes, and which of them are tried again;
//  2. fill.go: how many pods each type should have in the end: in order, up to its limit;
//  3. move.go: how many it gets now: no ready pod goes before the one in its place is ready, and a move adds one pod at most;
//  4. place.go: when to look again.
package placement
