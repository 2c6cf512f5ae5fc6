package testkit

import (
	"context"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"aircache.dev/aircache/api/v1alpha1"
)

// ExpectApplied creates the objects, or makes existing ones equal to them, as a user's `kubectl apply` would.
func ExpectApplied(ctx context.Context, c client.Client, objects ...client.Object) {
	ginkgo.GinkgoHelper()
	for _, o := range objects {
		existing := o.DeepCopyObject().(client.Object)
		err := c.Get(ctx, client.ObjectKeyFromObject(o), existing)
		if apierrors.IsNotFound(err) {
			gomega.Expect(c.Create(ctx, o)).To(gomega.Succeed())
			continue
		}
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		o.SetResourceVersion(existing.GetResourceVersion())
		gomega.Expect(c.Update(ctx, o)).To(gomega.Succeed())
	}
}

// ExpectReconciled runs the reconciler once for the object.
func ExpectReconciled(ctx context.Context, r reconcile.Reconciler, o client.Object) reconcile.Result {
	ginkgo.GinkgoHelper()
	result, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return result
}

// ExpectExists reads an object by name into o and returns it.
func ExpectExists[T client.Object](ctx context.Context, c client.Client, namespace, name string, o T) T {
	ginkgo.GinkgoHelper()
	gomega.Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, o)).To(gomega.Succeed())
	return o
}

// ExpectNotFound is that no object has the name.
func ExpectNotFound(ctx context.Context, c client.Client, namespace, name string, o client.Object) {
	ginkgo.GinkgoHelper()
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, o)
	gomega.Expect(apierrors.IsNotFound(err)).To(gomega.BeTrue(), "%T %s/%s: %v", o, namespace, name, err)
}

// ExpectCondition reads the object and checks one condition's status and reason; it returns the message.
func ExpectCondition(ctx context.Context, c client.Client, d *v1alpha1.AirCacheDeployment, kind string, status metav1.ConditionStatus, reason string) string {
	ginkgo.GinkgoHelper()
	gomega.Expect(c.Get(ctx, client.ObjectKeyFromObject(d), d)).To(gomega.Succeed())
	condition := apimeta.FindStatusCondition(d.Status.Conditions, kind)
	gomega.Expect(condition).NotTo(gomega.BeNil(), "no condition %s in %v", kind, d.Status.Conditions)
	gomega.Expect(condition.Status).To(gomega.Equal(status), "%s: %s", condition.Reason, condition.Message)
	gomega.Expect(condition.Reason).To(gomega.Equal(reason), condition.Message)
	gomega.Expect(condition.ObservedGeneration).To(gomega.Equal(d.Generation))
	return condition.Message
}

// ExpectNoCondition reads the object and checks that it has no such condition.
func ExpectNoCondition(ctx context.Context, c client.Client, d *v1alpha1.AirCacheDeployment, kind string) {
	ginkgo.GinkgoHelper()
	gomega.Expect(c.Get(ctx, client.ObjectKeyFromObject(d), d)).To(gomega.Succeed())
	gomega.Expect(apimeta.FindStatusCondition(d.Status.Conditions, kind)).To(gomega.BeNil())
}
