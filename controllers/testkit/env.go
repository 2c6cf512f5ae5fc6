package testkit

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"aircache.dev/aircache/api/v1alpha1"
)

// Patience is how long an Eventually may take on a machine with two busy cores.
const Patience = 30 * time.Second

// Env is a real API server with the project's CRDs: no scheduler, no kubelet, no garbage collector.
type Env struct {
	Config *rest.Config
	Client client.Client // reads and writes without a cache
	server *envtest.Environment
}

// Start brings up the API server, from KUBEBUILDER_ASSETS or bin/lab. Call it once in a suite, and Stop after it.
func Start() *Env {
	log.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(ginkgo.GinkgoWriter, nil)))
	gomega.SetDefaultEventuallyTimeout(Patience)
	gomega.SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	server := &envtest.Environment{
		CRDDirectoryPaths:        []string{RepositoryPath("config/crd")},
		ErrorIfCRDPathMissing:    true,
		BinaryAssetsDirectory:    assets(),
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	config, err := server.Start()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "starting the API server: make envtest-assets builds it into bin/lab")
	config.QPS, config.Burst = 1000, 1000
	gomega.Expect(v1alpha1.AddToScheme(clientscheme.Scheme)).To(gomega.Succeed())
	c, err := client.New(config, client.Options{Scheme: clientscheme.Scheme})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return &Env{Config: config, Client: c, server: server}
}

// Stop ends the API server.
func (e *Env) Stop() {
	gomega.Expect(e.server.Stop()).To(gomega.Succeed())
}

// Namespace makes a namespace of its own for a test; its pods are held to the restricted pod security standard.
func (e *Env) Namespace(ctx context.Context) string {
	ginkgo.GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "test-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	gomega.Expect(e.Client.Create(ctx, ns)).To(gomega.Succeed())
	return ns.Name
}

// RepositoryPath is a path below the repository's root, wherever under it the test runs.
func RepositoryPath(parts ...string) string {
	root, err := os.Getwd()
	if err != nil {
		panic(fmt.Errorf("finding the repository: %w", err))
	}
	for !isFile(filepath.Join(root, "go.mod")) {
		if root == filepath.Dir(root) {
			panic("finding the repository: no go.mod above the working folder")
		}
		root = filepath.Dir(root)
	}
	return filepath.Join(append([]string{root}, parts...)...)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func assets() string {
	if set := os.Getenv("KUBEBUILDER_ASSETS"); set != "" {
		return set
	}
	return RepositoryPath("bin", "lab")
}
