//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/e2e/harness"
)

const (
	operatorNamespace = "aircache-system"
	testNamespace     = "aircache-e2e"
)

var (
	cluster *harness.Cluster
	chart   harness.Chart
)

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(2 * time.Minute)
	SetDefaultEventuallyPollingInterval(250 * time.Millisecond)
	RunSpecs(t, "AirCache on a real cluster")
}

// fromEnv reads a variable that `make e2e` sets; a suite without it cannot run, and says so.
func fromEnv(name string) string {
	value := os.Getenv(name)
	Expect(value).NotTo(BeEmpty(), "%s is not set: run the suite with make e2e", name)
	return value
}

func inRepository(path string) string { return filepath.Join(fromEnv("E2E_ROOT"), path) }

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	cluster, err = harness.Connect()
	Expect(err).NotTo(HaveOccurred())
	for _, name := range []string{testNamespace, operatorNamespace} {
		Expect(cluster.EnsureNamespace(ctx, name)).To(Succeed())
	}
	chart = harness.Chart{Folder: inRepository("charts/aircache-operator"), Release: "aircache", Namespace: operatorNamespace}
	values, err := harness.ChartValues(fromEnv("E2E_OPERATOR_IMAGE"), fromEnv("E2E_RUNTIME_IMAGE"))
	Expect(err).NotTo(HaveOccurred())
	Expect(chart.Install(ctx, values)).To(Succeed())
})

var _ = AfterSuite(func(ctx context.Context) {
	if cluster == nil {
		return
	}
	DeferCleanup(cleanUp)
	rightsAreThoseThatWereUsed(ctx)
})

// cleanUp leaves the cluster as it was before the suite, also where the comparison of rights fails.
func cleanUp(ctx context.Context) {
	Expect(chart.Uninstall(ctx)).To(Succeed())
	Expect(cluster.DeleteCRDs(ctx)).To(Succeed())
	for _, name := range []string{testNamespace, operatorNamespace} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		Expect(client.IgnoreNotFound(cluster.Delete(ctx, namespace))).To(Succeed())
	}
}
