// Package tuning is the tuner loop: a leader's runnable that looks at the pods of every
// AirCacheDeployment in that object's own interval.
//
// One round of one object gathers (pods from the cache, their metrics), decides (tuner.Next
// per pool) and applies (a push to the pods that lack the tuning). What belongs into status
// goes to the reconciler, which alone writes it (deployment.TuningSource), and only when it
// differs. Objects do not wait for each other: a round runs beside the others, and a pod that
// does not answer costs its own object one timeout.
//
// State lives in memory and is seeded from status.pools[].tuning after a restart; if the pods
// apply something newer than status says, the pods win.
package tuning
