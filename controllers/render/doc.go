// Package render builds the children of an AirCacheDeployment: spec in, objects out. It is pure, so equal inputs give equal objects.
//
// Per GPU type one Deployment <name>-<type>; for the whole object one Service <name> and one ConfigMap <name>-tuning. The tuned ratio
// appears in the ConfigMap only: a pod template that held it would roll every pod at each decision.
package render
