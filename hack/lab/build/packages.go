package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// need is a Debian package and the way to see that it is there.
type need struct {
	debian  string
	present func(exists func(string) bool) bool
}

// needs of a real node: runc links libseccomp statically, kube-proxy calls nft.
var needs = []need{
	{"gcc", program("gcc")},
	{"libc6-dev", file("/usr/include/stdlib.h")},
	{"pkg-config", program("pkg-config")},
	{"libseccomp-dev", file("/usr/include/seccomp.h")},
	{"nftables", program("nft")},
	{"iproute2", program("ip")},
}

var programFolders = []string{"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/", "/usr/local/bin/"}

func program(name string) func(func(string) bool) bool {
	return func(exists func(string) bool) bool {
		for _, folder := range programFolders {
			if exists(folder + name) {
				return true
			}
		}
		return false
	}
}

func file(path string) func(func(string) bool) bool {
	return func(exists func(string) bool) bool { return exists(path) }
}

// missing names the packages that are not there.
func missing(exists func(string) bool) []string {
	var names []string
	for _, n := range needs {
		if !n.present(exists) {
			names = append(names, n.debian)
		}
	}
	return names
}

// ErrPackages says that a real node cannot be built or run here.
var ErrPackages = errors.New("packages of the system are missing")

// InstallPackages installs what is missing when that is allowed, else says what to install.
func InstallPackages(ctx context.Context, log io.Writer) error {
	names := missing(func(path string) bool { _, err := os.Stat(path); return err == nil })
	if len(names) == 0 {
		return nil
	}
	list := strings.Join(names, " ")
	_, err := exec.LookPath("apt-get")
	if os.Geteuid() != 0 || err != nil {
		return fmt.Errorf("%w: a real node needs %s; install them as root (Debian: apt-get install %s)", ErrPackages, list, list)
	}
	fmt.Fprintf(log, "lab: installing %s\n", list)
	for _, args := range [][]string{{"update", "-qq"}, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, names...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: running apt-get %s: %w\n%s", ErrPackages, strings.Join(args, " "), err, output)
		}
	}
	return nil
}
