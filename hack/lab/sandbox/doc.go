// Package sandbox gives the lab its private namespaces, cgroups, mounts and
// network, and makes sure that nothing of them outlives it.
//
// The process that the user starts clones `lab init` into new namespaces. That
// is process 1 there: when it dies, the kernel ends everything in them, mounts
// and network included. What no namespace owns (cgroup folders and the state
// folder) is removed by the janitor, a process outside that lives until the
// user's process is gone, for whatever reason.
package sandbox
