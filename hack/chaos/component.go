package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// component is the process of one of this lab's programs: by its name, and by the lab's folder in its arguments, so that no other lab's is taken.
func component(labDir, name string) (pid int, err error) {
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, file := range processes {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		program, arguments, _ := strings.Cut(string(content), "\x00")
		if filepath.Base(program) == name && strings.Contains(arguments, labDir) {
			return strconv.Atoi(filepath.Base(filepath.Dir(file)))
		}
	}
	return 0, fmt.Errorf("finding %s: no process of that name belongs to the lab in %s", name, labDir)
}
