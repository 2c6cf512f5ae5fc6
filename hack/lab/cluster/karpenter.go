package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

const (
	// InstanceTypes is the file in the -karpenter folder that lists what a node can be.
	InstanceTypes = "instance-types.json"
	// NodePools is the file in that folder with the objects of karpenter.sh.
	NodePools = "nodepools.yaml"
	// KarpenterCRDs lies beside the binaries.
	KarpenterCRDs = "karpenter-crds.yaml"
)

// KarpenterIsReady asks its health port.
func (c Config) KarpenterIsReady(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/readyz", c.Ports.KarpenterHealth), nil)
	if err != nil {
		return fmt.Errorf("asking karpenter: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking karpenter: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 300))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	if err != nil {
		return fmt.Errorf("asking karpenter: %w", err)
	}
	return nil
}
