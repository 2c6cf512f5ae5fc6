package v1alpha1_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"aircache.dev/aircache/controllers/testkit"
)

var env *testkit.Env

func TestAPI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "aircache.dev/v1alpha1 on a real API server")
}

var _ = BeforeSuite(func() {
	env = testkit.Start()
	DeferCleanup(env.Stop)
})
