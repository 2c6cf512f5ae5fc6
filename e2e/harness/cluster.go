package harness

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"aircache.dev/aircache/api/v1alpha1"
)

// Cluster is a connection to the cluster that KUBECONFIG names.
type Cluster struct {
	client.Client
	config *rest.Config
	http   *http.Client
}

// Connect reads KUBECONFIG as kubectl does.
func Connect() (*Cluster, error) {
	cfg, err := config.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("finding a cluster: %w", err)
	}
	cfg.QPS = -1 // the load generator sets its own pace
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", cfg.Host, err)
	}
	h, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", cfg.Host, err)
	}
	return &Cluster{Client: c, config: cfg, http: h}, nil
}

// ServiceURL is the address of a path behind the Service's port named http.
func (c *Cluster) ServiceURL(namespace, name, path string) string {
	return c.proxied("namespaces", namespace, "services", name+":http", "proxy", path)
}

// PodURL is the address of a path behind a pod's port.
func (c *Cluster) PodURL(pod *corev1.Pod, port int, path string) string {
	return c.proxied("namespaces", pod.Namespace, "pods", fmt.Sprintf("%s:%d", pod.Name, port), "proxy", path)
}

func (c *Cluster) proxied(parts ...string) string {
	u, err := url.JoinPath(c.config.Host, append([]string{"api", "v1"}, parts...)...)
	if err != nil { // the host was good enough to connect to
		panic(err)
	}
	return u
}

// HTTP is a client that carries the cluster's credentials, for the proxied addresses.
func (c *Cluster) HTTP() *http.Client { return c.http }

// EnsureNamespace creates a namespace that has to be there. It refuses pods that do not hold to the restricted pod security standard:
// neither the operator nor the runtime needs more.
func (c *Cluster) EnsureNamespace(ctx context.Context, name string) error {
	err := c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating namespace %s: %w", name, err)
	}
	return nil
}

// RuntimePods are the pods of an AirCacheDeployment that are not on their way out.
func (c *Cluster) RuntimePods(ctx context.Context, key client.ObjectKey) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := c.List(ctx, &pods, client.InNamespace(key.Namespace), client.MatchingLabels{"aircache.dev/deployment": key.Name})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of %s: %w", key, err)
	}
	live := pods.Items[:0]
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp.IsZero() {
			live = append(live, pod)
		}
	}
	return live, nil
}

// Restarts counts the container restarts of the pods.
func Restarts(pods []corev1.Pod) int {
	n := 0
	for _, pod := range pods {
		for _, s := range pod.Status.ContainerStatuses {
			n += int(s.RestartCount)
		}
	}
	return n
}

// SamePods reports whether both lists hold the same pods.
func SamePods(a, b []corev1.Pod) bool {
	uids := map[types.UID]bool{}
	for _, pod := range a {
		uids[pod.UID] = true
	}
	for _, pod := range b {
		if !uids[pod.UID] {
			return false
		}
	}
	return len(a) == len(b)
}
