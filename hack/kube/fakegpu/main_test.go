package main

import (
	"context"
	"testing"

	deviceplugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

func TestDevicesAreHealthyAndDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range devices(8) {
		if d.Health != deviceplugin.Healthy {
			t.Errorf("device %s has health %q, want %q", d.ID, d.Health, deviceplugin.Healthy)
		}
		seen[d.ID] = true
	}
	if len(seen) != 8 {
		t.Errorf("got %d distinct devices, want 8", len(seen))
	}
}

func TestAllocateNamesEachContainersDevices(t *testing.T) {
	p := &plugin{devices: devices(4)}
	got, err := p.Allocate(context.Background(), &deviceplugin.AllocateRequest{ContainerRequests: []*deviceplugin.ContainerAllocateRequest{
		{DevicesIds: []string{"GPU-fake-0", "GPU-fake-3"}},
		{DevicesIds: []string{"GPU-fake-1"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"GPU-fake-0,GPU-fake-3", "GPU-fake-1"}
	if len(got.ContainerResponses) != len(want) {
		t.Fatalf("got %d responses, want %d", len(got.ContainerResponses), len(want))
	}
	for i, w := range want {
		if g := got.ContainerResponses[i].Envs["NVIDIA_VISIBLE_DEVICES"]; g != w {
			t.Errorf("container %d sees devices %q, want %q", i, g, w)
		}
	}
}
