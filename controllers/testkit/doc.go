// Package testkit makes the controllers' tests short: objects with the API server's defaults, a real API server, and Expect verbs.
package testkit
