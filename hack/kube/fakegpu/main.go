// Command fakegpu is a kubelet device plugin that advertises GPUs which do not
// exist, so that pods asking for nvidia.com/gpu can be scheduled and started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	deviceplugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const socketName = "fakegpu.sock"

func main() {
	dir := flag.String("dir", deviceplugin.DevicePluginPath, "kubelet's device plugin folder")
	count := flag.Int("count", 8, "number of devices to advertise")
	resource := flag.String("resource", "nvidia.com/gpu", "extended resource name")
	flag.Parse()
	if err := serve(*dir, *resource, *count); err != nil {
		log.Fatalf("serving %d x %s: %v", *count, *resource, err)
	}
}

// serve listens first and registers then: the kubelet calls back at once.
func serve(dir, resource string, count int) error {
	socket := filepath.Join(dir, socketName)
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the old socket: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := grpc.NewServer()
	deviceplugin.RegisterDevicePluginServer(server, &plugin{devices: devices(count)})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := register(filepath.Join(dir, "kubelet.sock"), resource); err != nil {
		return err
	}
	log.Printf("registered %d x %s", count, resource)
	return <-failed
}

func register(kubeletSocket, resource string) error {
	conn, err := grpc.NewClient("unix://"+kubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connecting to the kubelet: %w", err)
	}
	defer conn.Close()
	_, err = deviceplugin.NewRegistrationClient(conn).Register(context.Background(), &deviceplugin.RegisterRequest{
		Version:      deviceplugin.Version,
		Endpoint:     socketName,
		ResourceName: resource,
		Options:      &deviceplugin.DevicePluginOptions{},
	})
	if err != nil {
		return fmt.Errorf("registering with the kubelet: %w", err)
	}
	return nil
}

type plugin struct {
	deviceplugin.UnimplementedDevicePluginServer
	devices []*deviceplugin.Device
}

func devices(count int) []*deviceplugin.Device {
	list := make([]*deviceplugin.Device, count)
	for i := range list {
		list[i] = &deviceplugin.Device{ID: fmt.Sprintf("GPU-fake-%d", i), Health: deviceplugin.Healthy}
	}
	return list
}

func (p *plugin) GetDevicePluginOptions(context.Context, *deviceplugin.Empty) (*deviceplugin.DevicePluginOptions, error) {
	return &deviceplugin.DevicePluginOptions{}, nil
}

// ListAndWatch sends the devices once: they never change, but the stream must stay open.
func (p *plugin) ListAndWatch(_ *deviceplugin.Empty, stream deviceplugin.DevicePlugin_ListAndWatchServer) error {
	if err := stream.Send(&deviceplugin.ListAndWatchResponse{Devices: p.devices}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

// Allocate tells the container which devices it got the way NVIDIA's plugin does.
func (p *plugin) Allocate(_ context.Context, request *deviceplugin.AllocateRequest) (*deviceplugin.AllocateResponse, error) {
	response := &deviceplugin.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		response.ContainerResponses = append(response.ContainerResponses, &deviceplugin.ContainerAllocateResponse{
			Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(container.DevicesIds, ",")},
		})
	}
	return response, nil
}
