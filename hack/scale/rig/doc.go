// Package rig is what the scale and chaos harnesses stand on: the lab made ready for the operator, pretended nodes whose pods are
// played by a fleet, operators as processes of their own with the rights of config/rbac and no others, and a watched view of the cluster.
package rig
