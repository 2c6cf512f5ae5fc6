// Package deployment reconciles an AirCacheDeployment into one Deployment per GPU type, a Service and the tuning ConfigMap.
//
// Each reconcile gathers what the API server has (gather.go), decides what is wrong and what is wanted as pure functions (problems.go,
// plan.go; revisions.go: which pod template stays in force), applies the children by server-side apply where they differ (apply.go), and reports once (conditions.go, status.go,
// report.go). It never writes spec, needs no finalizer and is the only writer of status and of the tuning ConfigMap.
package deployment
