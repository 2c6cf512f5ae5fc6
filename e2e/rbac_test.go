//go:build e2e

package e2e

import (
	"context"
	"maps"
	"os"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/e2e/harness"
	"aircache.dev/aircache/e2e/rights"
	"aircache.dev/aircache/hack/lab/audit"
)

// unused are rights that the operator needs and that this suite need not exercise.
var unused = map[rights.Right]string{
	{Group: "apps", Resource: "deployments", Verb: "delete"}:                  "the Deployment of a GPU type that left spec",
	{Group: "apps", Resource: "controllerrevisions", Verb: "delete"}:          "revisions that no pod is of",
	{Group: "apps", Resource: "controllerrevisions", Verb: "patch"}:           "a revision that somebody edited",
	{Group: "networking.k8s.io", Resource: "networkpolicies", Verb: "delete"}: "that of an object whose network.policy became Off",
	{Group: "events.k8s.io", Resource: "events", Verb: "patch"}:               "an event that repeats within minutes is counted, not sent again",
	{Resource: "events", Verb: "create"}:                                      "the event of a new leader, which is sent at leisure and may come after the comparison",
	{Resource: "events", Verb: "patch"}:                                       "one that repeats",
}

// children are what the operator makes and watches.
var children = []string{"deployments", "controllerrevisions", "services", "configmaps", "poddisruptionbudgets", "networkpolicies"}

// justified are unused, and what follows from how the operator reads and writes.
func justified(granted []rights.Right) map[rights.Right]string {
	all := maps.Clone(unused)
	for _, may := range granted {
		may.Namespace = ""
		switch isChild := slices.Contains(children, may.Resource); {
		case may.Verb == "list":
			all[may] = "the cache fills itself by a watch, and by a list only where the API server does not stream one"
		case may.Verb == "get" && isChild:
			all[may] = "a child that lost its labels, or a stranger's of its name, is in no cache"
		case may.Verb == "create" && isChild:
			all[may] = "server-side apply of one that does not exist is a patch, which RBAC takes for a create too"
		}
	}
	return all
}

// operatorRights are those of the chart's roles as they are in the cluster, and the account that has them.
func operatorRights(ctx context.Context) (granted []rights.Right, account string) {
	GinkgoHelper()
	ours := client.MatchingLabels{"app.kubernetes.io/instance": chart.Release}
	var (
		ofCluster  rbacv1.ClusterRoleBindingList
		ofTheirOwn rbacv1.RoleBindingList
	)
	Expect(cluster.List(ctx, &ofCluster, ours)).To(Succeed())
	for _, b := range ofCluster.Items {
		role := &rbacv1.ClusterRole{}
		Expect(cluster.Get(ctx, client.ObjectKey{Name: b.RoleRef.Name}, role)).To(Succeed())
		granted, account = append(granted, rights.Of("", role.Rules)...), b.Subjects[0].Name
	}
	Expect(cluster.List(ctx, &ofTheirOwn, ours)).To(Succeed())
	for _, b := range ofTheirOwn.Items {
		role := &rbacv1.Role{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: b.RoleRef.Name}, role)).To(Succeed())
		granted = append(granted, rights.Of(b.Namespace, role.Rules)...)
	}
	Expect(granted).NotTo(BeEmpty())
	return granted, account
}

// rightsAreThoseThatWereUsed looks back over the whole suite; it runs after the last spec, before the chart goes.
func rightsAreThoseThatWereUsed(ctx context.Context) {
	GinkgoHelper()
	folder := os.Getenv("LAB_DIR")
	if folder == "" {
		GinkgoWriter.Println("NOT COMPARED HERE: the operator's rights with what it asked for. Only the lab has an audit log (make e2e without KUBECONFIG).")
		return
	}
	requests, err := audit.ReadFile(audit.File(folder))
	Expect(err).NotTo(HaveOccurred())
	granted, account := operatorRights(ctx)
	findings := rights.Compare(granted, audit.ServiceAccount(operatorNamespace, account), requests, justified(granted))
	Expect(findings.Outside).To(BeEmpty(), "the operator asked for what it may not")
	Expect(findings.Unused).To(BeEmpty(), "the operator may do what it never does")
	Expect(findings.Stale).To(BeEmpty(), "these are justified and not granted any more")
	for _, may := range granted {
		Expect(may.Resource).NotTo(Or(Equal("secrets"), Equal("nodes"), ContainSubstring("roles"), Equal("pods/exec"), Equal("*")))
	}
}

var _ = Describe("An operator that is held to one namespace", Ordered, Serial, func() {
	install := func(ctx context.Context, change map[string]string) {
		GinkgoHelper()
		values, err := harness.ChartValues(fromEnv("E2E_OPERATOR_IMAGE"), fromEnv("E2E_RUNTIME_IMAGE"))
		Expect(err).NotTo(HaveOccurred())
		maps.Copy(values, change)
		Expect(chart.Install(ctx, values)).To(Succeed())
		Eventually(operatorIsBack).WithContext(ctx).Should(BeTrue())
	}

	It("serves a model there with a Role there, and has no right elsewhere but to read GPU classes", func(ctx context.Context) {
		install(ctx, map[string]string{"watchNamespaces": "{" + testNamespace + "}"})
		DeferCleanup(func(ctx context.Context) { install(ctx, nil) })
		granted, _ := operatorRights(ctx)
		for _, may := range granted {
			if may.Resource != "gpuclasses" {
				Expect(may.Namespace).To(BeElementOf(testNamespace, operatorNamespace), "%s", may)
			}
		}
		d, err := harness.ReadDeployment(inRepository("config/samples/cpu-tiny.yaml"))
		Expect(err).NotTo(HaveOccurred())
		d.Namespace, d.Name, d.Spec.Model.Image.Reference = testNamespace, "in-one-namespace", fromEnv("E2E_MODEL_IMAGE")
		d.Spec.Tuning.Mode, d.Spec.Cache.Retention.Percent = v1alpha1.TuningFixed, ptr.To[int32](100)
		Expect(cluster.Apply(ctx, d)).To(Succeed())
		Eventually(func(ctx context.Context) bool {
			return cluster.Get(ctx, client.ObjectKeyFromObject(d), d) == nil && meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady)
		}).WithContext(ctx).Should(BeTrue())
		Expect(cluster.Delete(ctx, d)).To(Succeed())
		Expect(cluster.WaitGone(ctx, d)).To(Succeed())
	})
})
