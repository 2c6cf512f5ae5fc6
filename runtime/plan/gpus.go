package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// GPU is a type of GPU by its memory.
type GPU struct {
	Name   string
	Memory int64 // bytes, as nvidia-smi tells (memory.total)
}

const mebi = 1 << 20

// GPUs are the types that have a name here, all of which compute bfloat16; others are named by their memory.
var GPUs = []GPU{
	{"l4", 23034 * mebi}, {"a10", 23028 * mebi}, {"rtx4090", 24564 * mebi}, {"a100-40g", 40960 * mebi}, {"l40s", 46068 * mebi},
	{"a100", 81920 * mebi}, {"h100", 81559 * mebi}, {"h100-nvl", 95830 * mebi}, {"h200", 143771 * mebi}, {"b200", 183359 * mebi},
}

// Overhead is what a GPU's memory is short of before anything is loaded: the driver's own share, the context, kernels and
// libraries. On an H100 with the 7B shape 63.0 GB were left for pages, where 85.5 - 16.1 - 5.3 would leave 64.1.
const Overhead = 1_200_000_000

// FindGPU takes a name of the list, such as "h100".
func FindGPU(name string) (GPU, error) {
	for _, g := range GPUs {
		if strings.EqualFold(g.Name, name) {
			return g, nil
		}
	}
	return GPU{}, fmt.Errorf("GPU %q is not known, there are %s; name another by its memory", name, strings.Join(Names(), ", "))
}

// Names of the GPUs, by memory.
func Names() (names []string) {
	for _, g := range slices.SortedStableFunc(slices.Values(GPUs), func(a, b GPU) int { return cmp.Compare(a.Memory, b.Memory) }) {
		names = append(names, g.Name)
	}
	return names
}
