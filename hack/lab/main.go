package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// exitCode ends the program with the code of the user's command.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

var commands = map[string]func(args []string) error{
	"build": buildCommand,
	"run":   runCommand,
	"enter": enterCommand,
	"stop":  stopCommand,
	"image": imageCommand,
	// The rest is started by the lab itself.
	"init":      initCommand,
	"supervise": superviseCommand,
	"janitor":   janitorCommand,
	"probe":     func([]string) error { return nil },
}

const usage = "usage: lab build|run|enter|stop|image [flags]; lab <command> -h lists the flags"

func main() {
	// A child's death signal is tied to the thread that started it.
	runtime.LockOSThread()
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	err := commands[os.Args[1]](os.Args[2:])
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "lab: "+err.Error())
		os.Exit(1)
	}
}

// repeated is a flag that may be given several times.
type repeated []string

func (r *repeated) String() string     { return strings.Join(*r, " ") }
func (r *repeated) Set(s string) error { *r = append(*r, s); return nil }

// binFolder is where this program lies: the builder puts all programs side by side.
func binFolder() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the lab's programs: %w", err)
	}
	self, err = filepath.EvalSymlinks(self)
	if err != nil {
		return "", fmt.Errorf("finding the lab's programs: %w", err)
	}
	return filepath.Dir(self), nil
}
