package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"aircache.dev/aircache/hack/lab/sandbox"
)

// commandGrace is how long an interrupted command may take to end.
const commandGrace = 20 * time.Second

// runUser runs the user's command, or a shell, and returns its exit status.
func (l *lab) runUser(ctx context.Context) (int, error) {
	command, end := l.Command, syscall.SIGTERM
	interactive := len(command) == 0
	if interactive {
		if l.Keep {
			return 0, nil
		}
		var err error
		if command, err = l.shell(); err != nil {
			return 0, err
		}
		end = syscall.SIGHUP // an interactive shell does not end on SIGTERM
	}
	env := environment(os.Environ(), l.options, l.config.Kubeconfig("admin"))
	path, err := lookIn(env, command[0])
	if err != nil {
		return 0, fmt.Errorf("running the command: %w", err)
	}
	cmd := exec.CommandContext(ctx, path, command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(end) }
	cmd.WaitDelay = commandGrace
	err = cmd.Run()
	if cmd.ProcessState == nil {
		return 0, fmt.Errorf("running the command: %w", err)
	}
	if interactive { // its status is that of the last thing typed, and tells nothing
		return 0, nil
	}
	return sandbox.CodeOf(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

// environment of the user's command. Inside the private network nothing outside
// is reachable: proxies would only swallow requests, and Go must not try to download.
func environment(base []string, o options, kubeconfig string) []string {
	var env []string
	for _, entry := range base {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case o.Real && strings.HasSuffix(strings.ToLower(name), "_proxy"):
		case name == "PATH":
			env = append(env, "PATH="+o.Bin+":"+value)
		default:
			env = append(env, entry)
		}
	}
	node := nodeKwok
	if o.Real {
		node = nodeReal
		env = append(env, "GOPROXY=off")
	}
	return append(env, "KUBECONFIG="+kubeconfig, "LAB_DIR="+o.Dir, "LAB_NODE="+node)
}

// lookIn finds a program in the PATH of env, which has the lab's own folder first.
func lookIn(env []string, name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, entry := range env {
		if list, ok := strings.CutPrefix(entry, "PATH="); ok {
			for _, dir := range filepath.SplitList(list) {
				candidate := filepath.Join(dir, name)
				if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
					return candidate, nil
				}
			}
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// shell is bash with a prompt that shows where one is.
func (l *lab) shell() ([]string, error) {
	rc := filepath.Join(l.Dir, "bashrc")
	const text = "[ -f ~/.bashrc ] && . ~/.bashrc\nPS1=\"(lab) $PS1\"\n"
	if err := os.WriteFile(rc, []byte(text), 0o644); err != nil {
		return nil, fmt.Errorf("preparing the shell: %w", err)
	}
	l.say("a shell with KUBECONFIG and kubectl; exit ends the lab")
	return []string{"bash", "--rcfile", rc}, nil
}

// howToReach tells how to use a lab that stays up.
func (l *lab) howToReach() string {
	self := filepath.Join(l.Bin, "lab")
	return fmt.Sprintf("lab: the lab stays up until Ctrl-C here, or: %s stop -dir %s\n"+
		"lab: from another terminal: %s enter -dir %s -- kubectl get pods -A\n"+
		"lab: (without a command: a shell in it)\n", self, l.Dir, self, l.Dir)
}
