package cluster

import "fmt"

// GPUNode is the KWOK node that a lab has unless the user brings others: 8 GPUs
// that no container ever touches. Beside a real node it is tainted, so that only
// pods which tolerate KWOK land there; alone it takes everything.
func (c Config) GPUNode() string {
	taints := ""
	if c.RealNode {
		taints = "spec:\n  taints: [{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]\n"
	}
	const resources = `{cpu: "64", memory: 512Gi, pods: "110", nvidia.com/gpu: "8"}`
	return fmt.Sprintf(`apiVersion: v1
kind: Node
metadata:
  name: kwok-gpu-0
  annotations: {kwok.x-k8s.io/node: fake}
  labels:
    kubernetes.io/hostname: kwok-gpu-0
    kubernetes.io/os: linux
    kubernetes.io/arch: amd64
    type: kwok
    nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3
%sstatus:
  allocatable: %s
  capacity: %s
`, taints, resources, resources)
}
