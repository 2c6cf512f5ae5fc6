package deployment_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/controllers/testkit"
	"aircache.dev/aircache/runtime/control"
)

var _ = Describe("a problem of the spec", func() {
	DescribeTable("is reported as Stalled and nothing is applied", func(ctx SpecContext, edit func(*v1alpha1.AirCacheDeployment), reason, words string) {
		s := newStory(ctx)
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs", edit))
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, reason)).To(ContainSubstring(words))
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling)
		expectKStatus(ctx, d, status.FailedStatus)
		testkit.ExpectNotFound(ctx, env.Client, s.namespace, "docs-cpu", &appsv1.Deployment{})
		Expect(s.happened()).To(ContainElement(And(HavePrefix("Warning "+reason), ContainSubstring(words))))
	},
		Entry("a class that does not exist", func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.GPUTypes = []v1alpha1.GPUType{testkit.ClassType("cpu", "no-such-class")}
		}, v1alpha1.ReasonGPUClassNotFound, `gpuTypes[cpu].gpuClassName: GPUClass "no-such-class" does not exist`),
	)

	It("is not the policy of a peer: the pods run it, with the options that spec names", func(ctx SpecContext) {
		s := newStory(ctx)
		for name, policy := range map[string]v1alpha1.CacheSpec{
			"--policy=SnapKV":             {Policy: v1alpha1.PolicySnapKV},
			"--policy=TGV":                {Policy: v1alpha1.PolicyTGV},
			"--policy=AirCache+alpha=0.2": {Policy: v1alpha1.PolicyAirCache, Options: &v1alpha1.CacheOptions{AlphaPercent: ptr.To(int32(20))}},
		} {
			d := s.applied(ctx, testkit.Deployment(s.namespace, "docs", func(d *v1alpha1.AirCacheDeployment) {
				policy.Retention = d.Spec.Cache.Retention
				d.Spec.Cache = policy
			}))
			testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionStalled)
			Expect(s.pool(ctx, "docs-cpu").Spec.Template.Spec.Containers[0].Args).To(ContainElement(name))
		}
	})

	It("goes away with its cause: the class is created", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs", testkit.WithTypes(testkit.ClassType("l40s", "late"))))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonGPUClassNotFound)
		class := testkit.GPUClass("late", func(c *v1alpha1.GPUClass) { c.Spec.MinRetentionPercent = ptr.To(int32(40)) })
		Expect(env.Client.Create(ctx, class)).To(Succeed())
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionStalled)
		pod := s.pool(ctx, "docs-l40s").Spec.Template.Spec
		Expect(pod.NodeSelector).To(Equal(class.Spec.NodeSelector))
		Expect(pod.Containers[0].Args).To(ContainElement("--retention-floor-permille=400"))
		Expect(pod.Containers[0].Resources.Limits).To(HaveKey(corev1.ResourceName("nvidia.com/gpu")))
	})

	It("is a class that the namespace may not use, and goes away when the namespace gets the label", func(ctx SpecContext) {
		s := newStory(ctx)
		s.Namespaces = env.Client
		using := func(name string, allowed map[string]string) *v1alpha1.AirCacheDeployment {
			GinkgoHelper()
			class := testkit.GPUClass(name+"-"+s.namespace, func(c *v1alpha1.GPUClass) {
				c.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: allowed}
			})
			Expect(env.Client.Create(ctx, class)).To(Succeed())
			return s.applied(ctx, testkit.Deployment(s.namespace, name, testkit.WithTypes(testkit.ClassType("gpu", class.Name))))
		}
		refused := func(d *v1alpha1.AirCacheDeployment) string {
			GinkgoHelper()
			return testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonGPUClassNotAllowed)
		}
		refused(using("for-others", map[string]string{corev1.LabelMetadataName: "others"}))
		testkit.ExpectNoCondition(ctx, env.Client, using("for-us", map[string]string{corev1.LabelMetadataName: s.namespace}), v1alpha1.ConditionStalled)
		byTeam := using("by-team", map[string]string{"team": "vision"})
		Expect(refused(byTeam)).To(HaveSuffix("does not allow namespace %q", s.namespace))

		namespace := testkit.ExpectExists(ctx, env.Client, "", s.namespace, &corev1.Namespace{})
		namespace.Labels["team"] = "vision"
		Expect(env.Client.Update(ctx, namespace)).To(Succeed())
		testkit.ExpectReconciled(ctx, s, byTeam)
		testkit.ExpectNoCondition(ctx, env.Client, byTeam, v1alpha1.ConditionStalled)

		s.Namespaces = nil // an operator that is held to some namespaces fails closed
		testkit.ExpectReconciled(ctx, s, byTeam)
		Expect(refused(byTeam)).To(ContainSubstring("has an allowedNamespaces with label team; this operator is held to some namespaces (--watch-namespaces)"))
	})

	It("is an object that the API server refuses", func(ctx SpecContext) {
		s := newStory(ctx)
		d := testkit.Deployment(s.namespace, "docs", func(d *v1alpha1.AirCacheDeployment) {
			d.Spec.GPUTypes[0].NodeSelector = map[string]string{"not a label!": "x"}
		})
		testkit.ExpectApplied(ctx, env.Client, d)
		_, err := s.Reconcile(ctx, requestFor(d))
		Expect(err).To(MatchError(ContainSubstring("applying Deployment docs-cpu")), "it is tried again")
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidChild)).
			To(ContainSubstring("nodeSelector"))
	})
})

var _ = Describe("a problem of the pods", func() {
	// ended is a container that ended with one of the runtime's own codes, and is tried again right now.
	ended := func(code int32, last string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "runtime", RestartCount: 1,
				State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
				LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", Message: "{}\n" + last + "\n"}}}}
		}
	}
	waiting := func(reason, message string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "runtime", RestartCount: 4, State: corev1.ContainerState{
				Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message},
			}, LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}}}}
		}
	}
	DescribeTable("is reported in the kubelet's words", func(ctx SpecContext, edit func(*corev1.Pod), reason, words string) {
		s := newStory(ctx)
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs"))
		s.poolBecomes(ctx, "docs-cpu", 0)
		s.podWith(ctx, "docs-cpu", edit)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, reason)).To(ContainSubstring(words))
		expectKStatus(ctx, d, status.FailedStatus)

		s.poolBecomes(ctx, "docs-cpu", 1)
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionStalled)
	},
		Entry("the runtime's image", waiting("ImagePullBackOff", "no such host"), v1alpha1.ReasonImagePullFailed, "ImagePullBackOff: no such host"),
		Entry("the model's image", waiting("ErrImagePull", testkit.ModelDigest+": not found"), v1alpha1.ReasonModelNotFound, "not found"),
		Entry("a pod that ends again and again", waiting("CrashLoopBackOff", "back-off"), v1alpha1.ReasonCrashLooping, "ends again and again (restarts: 4), last with exit code 137 (OOMKilled)"),
		Entry("a repository that wants a token", ended(control.ExitModelNotFound, "aircache: getting model hf://a/b: 401"), v1alpha1.ReasonModelNotFound, "pod docs-cpu-x: aircache: getting model hf://a/b: 401"),
		Entry("a hub that does not answer", ended(control.ExitModelUnavailable, "aircache: getting model hf://a/b: 502"), v1alpha1.ReasonModelUnavailable, "502"),
		Entry("a model beyond the device", ended(control.ExitModelTooLarge, "aircache: loading: 80 GiB"), v1alpha1.ReasonModelTooLarge, "80 GiB"),
		Entry("a container that cannot be made", waiting("CreateContainerConfigError", "no user"), v1alpha1.ReasonPodsRejected, "no user"),
	)

	It("is reported of the new pod of a rollout, though the old one serves, and goes away with the spec that caused it", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.serving(ctx, testkit.Deployment(s.namespace, "docs"))
		d.Spec.Runtime.Image = "registry.example/aircache:broken"
		s.applied(ctx, d)
		pool := s.pool(ctx, "docs-cpu")
		pool.Status = appsv1.DeploymentStatus{ObservedGeneration: pool.Generation, Replicas: 2, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1, UnavailableReplicas: 1}
		Expect(env.Client.Status().Update(ctx, pool)).To(Succeed())
		s.podWith(ctx, "docs-cpu", waiting("ImagePullBackOff", `Back-off pulling image "registry.example/aircache:broken": ErrImagePull: not found`))
		testkit.ExpectReconciled(ctx, s, d)
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonImagePullFailed)).
			To(Equal("pod docs-cpu-x: ErrImagePull: not found"))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
		expectKStatus(ctx, d, status.FailedStatus)

		d.Spec.Runtime.Image = testkit.RuntimeImage
		s.applied(ctx, d)
		testkit.ExpectNoCondition(ctx, env.Client, d, v1alpha1.ConditionStalled)
		expectKStatus(ctx, d, status.InProgressStatus)
	})

	It("is a missing node: in progress, with the scheduler's words", func(ctx SpecContext) {
		s := newStory(ctx)
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs"))
		s.poolBecomes(ctx, "docs-cpu", 0)
		s.podWith(ctx, "docs-cpu", unschedulable)
		testkit.ExpectReconciled(ctx, s, d)
		Expect(testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonWaitingForNodes)).
			To(ContainSubstring("3 Insufficient memory"))
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionCapacityAvailable, metav1.ConditionFalse, v1alpha1.ReasonUnschedulable)
		Expect(d.Status.Pools[0].PendingReplicas).To(BeEquivalentTo(1))
	})

	DescribeTable("is what the Deployment says", func(ctx SpecContext, condition appsv1.DeploymentCondition, reason string) {
		s := newStory(ctx)
		d := s.applied(ctx, testkit.Deployment(s.namespace, "docs"))
		s.poolBecomes(ctx, "docs-cpu", 0)
		pool := s.pool(ctx, "docs-cpu")
		pool.Status.Conditions = []appsv1.DeploymentCondition{condition}
		Expect(env.Client.Status().Update(ctx, pool)).To(Succeed())
		testkit.ExpectReconciled(ctx, s, d)
		testkit.ExpectCondition(ctx, env.Client, d, v1alpha1.ConditionStalled, metav1.ConditionTrue, reason)
	},
		Entry("no progress", appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}, v1alpha1.ReasonProgressDeadlineExceeded),
		Entry("no quota", appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota: gpus"}, v1alpha1.ReasonQuotaExceeded),
		Entry("no admission", appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "violates PodSecurity"}, v1alpha1.ReasonPodsRejected),
	)
})

// unschedulable is what the scheduler says of a pod that no node has room for.
func unschedulable(p *corev1.Pod) {
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available: 3 Insufficient memory.",
	}}
}

// podWith creates a pod of a pool as the deployment controller would, with a status of the test's choice.
func (s *story) podWith(ctx context.Context, pool string, edit func(*corev1.Pod)) {
	GinkgoHelper()
	template := s.pool(ctx, pool).Spec.Template
	pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: template.Spec}
	pod.Namespace, pod.Name = s.namespace, pool+"-x"
	pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = "x"
	Expect(pod.Labels).To(HaveKey(render.LabelPool))
	Expect(env.Client.Create(ctx, pod)).To(Succeed())
	edit(pod)
	Expect(env.Client.Status().Update(ctx, pod)).To(Succeed())
}
