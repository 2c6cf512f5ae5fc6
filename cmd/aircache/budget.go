package main

import (
	"cmp"
	"fmt"
	"os"

	"aircache.dev/aircache/cuda"
	"aircache.dev/aircache/runtime/backend"
	"aircache.dev/aircache/runtime/model"
	"aircache.dev/aircache/runtime/plan"
)

// planMemory divides the device's memory before the weights are loaded, says how, and refuses a model that does not fit.
func (l *loader) planMemory(device backend.Backend) (cachePlan, error) {
	kind := plan.CPU
	gpu, onGPU := device.(*cuda.Backend)
	if onGPU {
		kind = plan.CUDA
	}
	f, err := plan.Measure(l.folder, kind, l.flags.maxModelLen, l.flags.maxRunning)
	if err != nil {
		return cachePlan{}, err
	}
	var m plan.Memory
	var cache cachePlan
	if onGPU {
		var free, total int64
		if free, total, err = gpu.FreeMemory(); err == nil {
			m, cache, err = planGPU(l.flags.kvCacheBytes, free, total, f, l.mostCache(f))
		}
	} else {
		m, cache, err = planHost(l.flags.kvCacheBytes, readMemory(os.DirFS("/")), f, l.mostCache(f))
	}
	if err != nil {
		return cachePlan{}, fmt.Errorf("planning the memory: %w", err)
	}
	l.log.Info("memory planned", "device", m.Device, "overhead", m.Overhead, "weights", m.Weights, "activations", m.Activations, "vision", m.Vision,
		"spare", m.Spare, "kvCache", m.KV, "kvBytesPerToken", plan.BytesPerToken(f))
	l.log.Info("KV cache sized", "bytes", cache.bytes, "from", cache.reason)
	if l.planned != nil {
		l.planned(m)
	}
	return cache, nil
}

// planGPU divides a GPU's memory; what is not free of it yet is overhead.
func planGPU(asked, free, total int64, f model.Footprint, most int64) (plan.Memory, cachePlan, error) {
	m := plan.OnGPU(total, total-free, f)
	cache, err := planGPUCache(asked, free-m.Weights, m.Activations+m.Spare, most)
	if err != nil {
		return m, cache, fmt.Errorf("%w (%s)", err, m)
	}
	return m.Take(cache.bytes), cache, m.Check(cache.bytes)
}

// planHost divides what the process may use. Only a container's limit holds a cache that was asked for back: available memory
// comes and goes, and the cache takes it page by page.
func planHost(asked int64, host memory, f model.Footprint, most int64) (plan.Memory, cachePlan, error) {
	cache, err := planCache(asked, host, f.Weights, most)
	limit, _ := host.limit()
	m := plan.OnHost(limit, f)
	if err != nil || limit <= 0 {
		return plan.Memory{Weights: f.Weights, KV: cache.bytes}, cache, err
	}
	least := cache.bytes
	if limit != host.cgroup {
		least = min(least, minCacheBytes)
	}
	return m.Take(cache.bytes), cache, m.Check(least)
}

// mostCache is what --max-running requests of the greatest length fill with all that they have in whole pages, and one more whole
// prompt where a share of the requests is compared with it.
func (l *loader) mostCache(f model.Footprint) int64 {
	sequences := int64(l.flags.maxRunning)
	if l.flags.shadow > 0 {
		sequences++ // there is one such comparison at a time
	}
	rows := cmp.Or(l.flags.maxModelLen, f.Config.MaxPosition)
	return sequences * int64(backend.Pages(rows)) * int64(backend.PageTokens) * plan.BytesPerToken(f)
}
