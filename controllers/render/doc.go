// Package render builds the children of an AirCacheDeployment: spec in, objects out. It is pure, so equal inputs give equal objects.
//
// Per GPU type one Deployment <name>-<type>, and a ControllerRevision for each of its latest pod templates; for the whole object one Service <name> and one ConfigMap <name>-tuning. The tuned ratio
// appears in the ConfigMap only: a pod template that held it would roll every pod at each decision.
package render
