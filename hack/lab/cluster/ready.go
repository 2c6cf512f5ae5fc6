package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

type node struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Status struct {
		Allocatable map[string]string `json:"allocatable"`
		Conditions  []struct {
			Type    string `json:"type"`
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"conditions"`
	} `json:"status"`
}

func (n node) ready() error {
	for _, c := range n.Status.Conditions {
		if c.Type != "Ready" {
			continue
		}
		if c.Status == "True" {
			return nil
		}
		return fmt.Errorf("node %s is not ready: %s", n.Metadata.Name, c.Message)
	}
	return fmt.Errorf("node %s has not reported yet", n.Metadata.Name)
}

// CheckNode reads a node as the API server gives it: it must be Ready and offer all GPUs.
func CheckNode(body []byte, gpus int) error {
	var n node
	if err := json.Unmarshal(body, &n); err != nil {
		return fmt.Errorf("reading the node: %w", err)
	}
	if err := n.ready(); err != nil {
		return err
	}
	if got := n.Status.Allocatable["nvidia.com/gpu"]; gpus > 0 && got != strconv.Itoa(gpus) {
		return fmt.Errorf("node %s offers %q nvidia.com/gpu, %d are expected", n.Metadata.Name, got, gpus)
	}
	return nil
}

// CheckNodes reads a list of nodes: there must be some, all Ready.
func CheckNodes(body []byte) error {
	var list struct {
		Items []node `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("reading the nodes: %w", err)
	}
	if len(list.Items) == 0 {
		return errors.New("there is no node")
	}
	for _, n := range list.Items {
		if err := n.ready(); err != nil {
			return err
		}
	}
	return nil
}
