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
		free, total, err := gpu.FreeMemory()
		if err != nil {
			return cachePlan{}, fmt.Errorf("planning the memory: %w", err)
		}
		m = plan.OnGPU(total, total-free, f)
		cache, err = planGPUCache(l.flags.kvCacheBytes, m.KV+m.Spare+m.Activations, m.Activations+m.Spare, l.mostCache(f))
		if err != nil {
			return cachePlan{}, fmt.Errorf("planning the memory: %w (%s)", err, m)
		}
	} else {
		host := readMemory(os.DirFS("/"))
		if cache, err = planCache(l.flags.kvCacheBytes, host, f.Weights, l.mostCache(f)); err != nil {
			return cachePlan{}, fmt.Errorf("planning the memory: %w", err)
		}
		limit, _ := host.limit()
		if m = plan.OnHost(limit, f); limit <= 0 { // unknown, and the cache's size was told
			m = plan.Memory{Weights: f.Weights, KV: cache.bytes}
		}
	}
	if err := m.Check(cache.bytes); err != nil && m.Device > 0 {
		return cachePlan{}, fmt.Errorf("planning the memory: %w", err)
	}
	m = m.Take(cache.bytes)
	l.log.Info("memory planned", "device", m.Device, "overhead", m.Overhead, "weights", m.Weights, "activations", m.Activations, "vision", m.Vision,
		"spare", m.Spare, "kvCache", m.KV, "kvBytesPerToken", plan.BytesPerToken(f))
	l.log.Info("KV cache sized", "bytes", cache.bytes, "from", cache.reason)
	if l.planned != nil {
		l.planned(m)
	}
	return cache, nil
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
