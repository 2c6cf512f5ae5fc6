//go:build e2e

package smoke

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

//go:embed pod.yaml
var manifest string

const answer = "an answer from the image volume"

func kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", args...)
	cmd.Stdin = strings.NewReader(stdin)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return strings.TrimSpace(string(output))
}

// kubectlAs asks with a service account's token, and without the admin's certificate.
func kubectlAs(t *testing.T, token string, args ...string) (string, error) {
	t.Helper()
	server := kubectl(t, "", "config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
	args = append([]string{"--kubeconfig=/dev/null", "--server=" + server, "--insecure-skip-tls-verify", "--token=" + token}, args...)
	output, err := exec.CommandContext(t.Context(), "kubectl", args...).CombinedOutput()
	return string(output), err
}

func TestLab(t *testing.T) {
	if os.Getenv("LAB_NODE") != "real" {
		t.Fatal("this is no lab with a real node: run make lab-smoke")
	}
	t.Run("the real node offers 8 GPUs", func(t *testing.T) {
		if got := kubectl(t, "", "get", "node", "lab-0", "-o", `jsonpath={.status.allocatable.nvidia\.com/gpu}`); got != "8" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("the KWOK node is Ready", func(t *testing.T) {
		kubectl(t, "", "wait", "--for=condition=Ready", "node/kwok-gpu-0", "--timeout=30s")
	})
	kubectl(t, strings.ReplaceAll(manifest, "MODEL_REFERENCE", os.Getenv("SMOKE_MODEL")), "apply", "-f", "-")
	kubectl(t, "", "wait", "--for=condition=Available", "deployment/hello", "--timeout=120s")
	t.Run("a Service address answers from a container that sees its volume and one GPU", testService)
	t.Run("a dynamically linked program runs and reads the volume", func(t *testing.T) {
		if got := kubectl(t, "", "logs", "deployment/hello", "-c", "cat"); !strings.Contains(got, answer) {
			t.Errorf("its log reads %q", got)
		}
	})
	t.Run("exec reaches into a container", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), "kubectl", "exec", "deployment/hello", "-c", "hello", "--", "/no-such-program")
		if output, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(output), "no such file") {
			t.Errorf("got %v, %s; want the runtime's own words on a missing program", err, output)
		}
	})
}

func testService(t *testing.T) {
	address := kubectl(t, "", "get", "service", "hello", "-o", "jsonpath={.spec.clusterIP}")
	// kube-proxy's rules follow a moment after the Deployment is available.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	body, err := getUntilAnswered(ctx, "http://"+address)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{answer + "\n", "gpu=GPU-fake-", "uid=65532\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("the answer %q lacks %q", body, want)
		}
	}
}

func getUntilAnswered(ctx context.Context, url string) (string, error) {
	client := http.Client{Timeout: 2 * time.Second}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		response, err := client.Get(url)
		if err == nil {
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != http.StatusOK {
				return "", fmt.Errorf("reading the answer: %s %s: %w", response.Status, body, err)
			}
			return string(body), nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("asking %s: %w", url, err)
		case <-tick.C:
		}
	}
}
