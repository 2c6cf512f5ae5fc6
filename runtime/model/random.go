package model

import (
	"embed"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path"
	"strings"

	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/weights"
)

// shapes are config.json files of published models, without what changes no shape.
//
//go:embed shapes/*.json
var shapes embed.FS

// Shapes are the names that Shape knows.
func Shapes() (names []string) {
	files, err := fs.Glob(shapes, "shapes/*.json")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".json"))
	}
	return names
}

// Shape is the config.json of a published model, for Random.
func Shape(name string) ([]byte, error) {
	text, err := shapes.ReadFile("shapes/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("looking for a model's shape: %q is not known, %q are", name, Shapes())
	}
	return text, nil
}

// Random makes a model of a config.json's shape up, to measure speed and memory without its weights: the 7B LLaVA-OneVision
// is Random of Shape("llava-onevision-7b"). Values are spread so that activations neither vanish nor overflow. The same seed
// gives the same model. It needs host memory for one tensor at a time: 1.1 GB for that model's embeddings.
func Random(config []byte, b backend.Backend, seed uint64) (*LLaVA, error) {
	s, err := settingsOf(config)
	if err != nil {
		return nil, fmt.Errorf("making a random model: %w", err)
	}
	m, err := build(s, newChance(seed), b)
	if err != nil {
		return nil, fmt.Errorf("making a random model: %w", err)
	}
	return m, nil
}

// chance is a source that makes every tensor up that it is asked for, in bfloat16.
type chance struct {
	random *rand.Rand
	blocks map[spread][]byte
	raw    []byte
}

// spread says how values are drawn.
type spread struct{ mean, deviation float32 }

// blockValues are drawn once for each spread and then repeated. It is a prime, so that no two rows of a matrix are equal.
const blockValues = 1<<20 - 3

func newChance(seed uint64) *chance {
	return &chance{random: rand.New(rand.NewPCG(seed, 0)), blocks: map[spread][]byte{}}
}

// Has answers yes: the first of several spellings is taken.
func (c *chance) Has(string) bool { return true }

// Use shows one tensor. Its Data is valid during the call.
func (c *chance) Use(name string, use func(weights.Tensor) error, shape ...int) error {
	values := 1
	for _, n := range shape {
		values *= n
	}
	block := c.block(spreadOf(name, shape))
	if cap(c.raw) < 2*values {
		c.raw = make([]byte, 2*values)
	}
	c.raw = c.raw[:2*values]
	from := 2 * c.random.IntN(blockValues)
	for to := c.raw; len(to) > 0; from = 0 {
		to = to[copy(to, block[from:]):]
	}
	return use(weights.Tensor{DType: weights.BF16, Shape: shape, Data: c.raw})
}

// spreadOf keeps what goes through a matrix at its size. Weights of norms lie around 1, biases around 0.
func spreadOf(name string, shape []int) spread {
	switch {
	case len(shape) > 1:
		inputs := 1
		for _, n := range shape[1:] {
			inputs *= n
		}
		return spread{0, float32(1 / math.Sqrt(float64(inputs)))}
	case strings.Contains(name, "norm") && strings.HasSuffix(name, ".weight"):
		return spread{1, 0.1}
	}
	return spread{0, 0.02}
}

func (c *chance) block(s spread) []byte {
	if b, ok := c.blocks[s]; ok {
		return b
	}
	b := make([]byte, 0, 2*blockValues)
	for range blockValues {
		bits := math.Float32bits(s.mean + s.deviation*float32(c.random.NormFloat64()))
		b = append(b, byte(bits>>16), byte(bits>>24))
	}
	c.blocks[s] = b
	return b
}
