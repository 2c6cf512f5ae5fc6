// Package placement spreads replicas over GPU types. It is pure.
package placement
