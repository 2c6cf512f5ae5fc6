package bench

import (
	"fmt"
	"strings"
)

// Ceilings are what a device does at most, each a second. 0: not known.
type Ceilings struct {
	Bytes     float64 `json:"bytes_per_second,omitempty"`           // of a large copy, read and written
	Products  float64 `json:"flops_per_second,omitempty"`           // of a large matrix product
	Attention float64 `json:"attention_flops_per_second,omitempty"` // of a long prompt's attention by the best library
	Source    string  `json:"source,omitempty"`
}

// Floor is the time in seconds under which no version of some work gets: its bytes and its operations can overlap, products and
// attention use the same units. 0 where a ceiling that is needed is not known.
//
//	107e12 / 790e12 + 13.5e12 / 650e12 = 0.156 s for a prompt of 8192 tokens; its bytes take 0.005 s
func (c Ceilings) Floor(w Work) float64 {
	if w.Bytes > 0 && c.Bytes == 0 || w.Products > 0 && c.Products == 0 {
		return 0
	}
	moving, computing := 0.0, 0.0
	if w.Bytes > 0 {
		moving = w.Bytes / c.Bytes
	}
	if w.Products > 0 {
		computing = w.Products / c.Products
	}
	if w.Attention > 0 {
		rate := c.Attention
		if rate == 0 {
			rate = c.Products
		}
		if rate == 0 {
			return 0
		}
		computing += w.Attention / rate
	}
	return max(moving, computing)
}

// Or fills what is not known from another source.
func (c Ceilings) Or(o Ceilings) Ceilings {
	taken := false
	for _, f := range []struct {
		here  *float64
		there float64
	}{{&c.Bytes, o.Bytes}, {&c.Products, o.Products}, {&c.Attention, o.Attention}} {
		if *f.here == 0 && f.there > 0 {
			*f.here, taken = f.there, true
		}
	}
	if taken {
		c.Source = strings.TrimPrefix(c.Source+"; "+o.Source, "; ")
	}
	return c
}

// Check names what is outside its limits.
func (c Ceilings) Check() error {
	for name, v := range map[string]float64{"bandwidth": c.Bytes, "flops": c.Products, "attention flops": c.Attention} {
		if !(v >= 0 && v <= 1e18) {
			return fmt.Errorf("%s is %g a second, it must be from 0 (not known) to 1e18", name, v)
		}
	}
	return nil
}

// KnownCeilings are those of a GPU whose libraries we have measured: a copy and a product of 8192 x 8192 x 8192 by PyTorch 2.11,
// and cuDNN's causal attention at 28/4 heads of 128 with 32k tokens, on random numbers.
func KnownCeilings(gpu string) Ceilings {
	if strings.Contains(gpu, "H100") {
		return Ceilings{Bytes: 3.0e12, Products: 790e12, Attention: 650e12, Source: "measured before on an H100: copy 3.0 TB/s, product 790 TFLOP/s, attention 650 TFLOP/s"}
	}
	return Ceilings{}
}
