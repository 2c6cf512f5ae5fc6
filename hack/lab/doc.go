// Command lab runs a real Kubernetes on one Linux machine, in private
// namespaces and without a container engine.
//
//	lab build [-packages] [group or program ...]   compile what the lab runs
//	lab run [flags] [-- command args...]           start the lab, run a command, tear down
//	lab enter [-dir D] [-- command args...]        join a running lab
//	lab stop [-dir D]                              end a running lab
//	lab image [flags]                              write a container image as a tar
//
// See README.md beside this file for what runs, and what it costs.
package main
