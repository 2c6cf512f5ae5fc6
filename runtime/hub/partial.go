package hub

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// adopt gives this holder's own partial folder, with what the last holder's has: a folder has one number only, so that a
// process that lost its lease no longer finds its own. Older ones are removed.
func (c *cache) adopt(revision string, number int) (string, error) {
	prefix := ".partial-" + revision + "-"
	own := filepath.Join(c.dir, prefix+strconv.Itoa(number))
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return "", fmt.Errorf("reading the cache: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		if digits, found := strings.CutPrefix(e.Name(), prefix); found {
			if n, err := strconv.Atoi(digits); err == nil && n < number {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	for i, n := range slices.Backward(numbers) {
		old := filepath.Join(c.dir, prefix+strconv.Itoa(n))
		if i == len(numbers)-1 {
			err = os.Rename(old, own)
		} else {
			err = os.RemoveAll(old)
		}
		if err != nil {
			return "", explainDisk(old, err)
		}
	}
	return own, nil
}
