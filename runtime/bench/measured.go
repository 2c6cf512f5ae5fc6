package bench

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"aircache.dev/aircache/runtime/backend"
)

// Side of the matrices whose product tells a device's rate: large enough to fill it.
const (
	deviceSide = 8192
	hostSide   = 1024
)

// hostCopyBytes lie far beyond the caches.
const hostCopyBytes = 256 << 20

// MeasuredCeilings are the rates of a large product by the backend's library and, where the backend is the host itself, of a
// large copy by all cores, on random numbers.
func MeasuredCeilings(device backend.Backend, clock func() time.Time) (Ceilings, error) {
	side := hostSide
	if device.Asynchronous() {
		side = deviceSide
	}
	products, err := productRate(device, clock, side)
	if err != nil {
		return Ceilings{}, fmt.Errorf("measuring the device's ceilings: %w", err)
	}
	c := Ceilings{Products: products, Source: fmt.Sprintf("measured now: product of %d x %d x %d", side, side, side)}
	if !device.Asynchronous() {
		c.Bytes = copyRate(clock)
		c.Source += fmt.Sprintf(", copy of %d MiB by %d cores", hostCopyBytes>>20, runtime.GOMAXPROCS(0))
	}
	return c, nil
}

func productRate(device backend.Backend, clock func() time.Time, side int) (float64, error) {
	random := rand.New(rand.NewPCG(1, 1))
	values := make([]float32, side*side)
	for i := range values {
		values[i] = 2*random.Float32() - 1
	}
	var m [3]backend.Tensor
	for i := range m {
		var err error
		if m[i], err = device.Alloc(side, side, backend.Working); err != nil {
			return 0, err
		}
		defer device.Free(m[i])
	}
	device.Write(m[1], values)
	slices.Reverse(values)
	device.Write(m[2], values)
	const products = 10
	var rates []float64
	for i := range warmups + 3 {
		if err := device.Sync(); err != nil {
			return 0, err
		}
		start := clock()
		for range products {
			device.Linear(m[0], m[1], m[2], backend.Tensor{}, false)
		}
		if err := device.Sync(); err != nil {
			return 0, err
		}
		if i >= warmups {
			n := float64(side)
			rates = append(rates, products*2*n*n*n/clock().Sub(start).Seconds())
		}
	}
	median, _, _ := spread(rates)
	return median, nil
}

// copyRate counts bytes read and bytes written.
func copyRate(clock func() time.Time) float64 {
	from, to := make([]byte, hostCopyBytes), make([]byte, hostCopyBytes)
	for i := range from {
		from[i] = byte(i * 31)
	}
	var rates []float64
	for i := range warmups + 5 {
		start := clock()
		copyByAll(to, from)
		if i >= warmups {
			rates = append(rates, 2*hostCopyBytes/clock().Sub(start).Seconds())
		}
	}
	median, _, _ := spread(rates)
	return median
}

func copyByAll(to, from []byte) {
	parts := runtime.GOMAXPROCS(0)
	var open sync.WaitGroup
	for i := range parts {
		lo, hi := len(from)*i/parts, len(from)*(i+1)/parts
		open.Go(func() { copy(to[lo:hi], from[lo:hi]) })
	}
	open.Wait()
}
