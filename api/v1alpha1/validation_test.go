package v1alpha1_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const hub = "a123456789a123456789a123456789a123456789"

const goodDeployment = `
apiVersion: aircache.dev/v1alpha1
kind: AirCacheDeployment
metadata: {name: docs, namespace: default}
spec:
  model: {huggingFace: {repo: llava-hf/ov-7b, revision: ` + hub + `}}
  gpuTypes:
  - {name: l40s, gpuClassName: l40s, capacityTypes: [Spot, OnDemand]}
  - {name: a100, gpuClassName: a100-80g, retention: {minPercent: 20}}
  objectives: {itlP95Milliseconds: 40, ttftP95Milliseconds: 1500}
`

const goodClass = `
apiVersion: aircache.dev/v1alpha1
kind: GPUClass
metadata: {name: l40s}
spec: {nodeSelector: {example.com/gpu: l40s}, memoryGiB: 48}
`

// edit changes an object before it is sent; the values are YAML.
type edit func(object map[string]any)

// set puts a value at a path such as "spec.tuning.mode" or "spec.gpuTypes.0.count" (of a list, only the first item).
func set(path, value string) edit {
	return func(object map[string]any) {
		var decoded any
		Expect(yaml.Unmarshal([]byte(value), &decoded)).To(Succeed())
		keys := strings.Split(path, ".")
		parent := object
		for _, key := range keys[:len(keys)-1] {
			switch next := parent[key].(type) {
			case map[string]any:
				parent = next
			case []any: // the next key is 0, which is skipped below
				parent = next[0].(map[string]any)
			case nil:
				if key == "0" {
					continue
				}
				made := map[string]any{}
				parent[key] = made
				parent = made
			}
		}
		parent[keys[len(keys)-1]] = decoded
	}
}

func all(edits ...edit) edit {
	return func(object map[string]any) {
		for _, e := range edits {
			e(object)
		}
	}
}

func nothing(map[string]any) {}

// send creates the edited object on the API server without storing it, and returns what it says.
func send(ctx SpecContext, text string, e edit) error {
	var fields map[string]any
	Expect(yaml.Unmarshal([]byte(text), &fields)).To(Succeed())
	e(fields)
	asIntegers(fields)
	return env.Client.Create(ctx, &unstructured.Unstructured{Object: fields}, client.DryRunAll)
}

// asIntegers makes the numbers what unstructured objects may hold.
func asIntegers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = asIntegers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = asIntegers(v[i])
		}
	case float64:
		return int64(v)
	}
	return v
}

func source(value string) edit { return set("spec.model", value) }

var (
	managed = set("spec.autoscaling", "{mode: Managed, minReplicas: 1, maxReplicas: 4}")
	ninth   = set("spec.gpuTypes", "["+strings.Repeat("{name: a, gpuClassName: x},", 9)+"]")
	pvc     = "{pvc: {claimName: m, subPath: %}}"
)

func path(p string) edit { return source(strings.Replace(pvc, "%", p, 1)) }

var _ = DescribeTable("an AirCacheDeployment is accepted or refused", func(ctx SpecContext, e edit, refusal string) {
	err := send(ctx, goodDeployment, e)
	if refusal == "" {
		Expect(err).NotTo(HaveOccurred())
		return
	}
	Expect(err).To(MatchError(ContainSubstring(refusal)))
},
	Entry("the base of all cases", edit(nothing), ""),
	Entry("a model from a claim", path("models/ov-7b"), ""),
	Entry("a model image by tag (a warning event says more)", source("{image: {reference: 'reg.example/m:1'}}"), ""),
	Entry("a model image with an empty reference", source("{image: {reference: ''}}"), "reference"),
	Entry("a model image with a space", source("{image: {reference: 'a b'}}"), "reference"),
	Entry("two model sources", set("spec.model.pvc", "{claimName: x}"), "exactly one of huggingFace, image, pvc and s3"),
	Entry("no model source", source("{servedName: x}"), "exactly one of huggingFace, image, pvc and s3"),
	Entry("a branch instead of a commit", set("spec.model.huggingFace.revision", "main"), "spec.model.huggingFace.revision"),
	Entry("a repository without an owner", set("spec.model.huggingFace.repo", "ov-7b"), "spec.model.huggingFace.repo"),
	Entry("a sub-path that leaves the claim", path("../etc"), "must be relative and must not contain '..'"),
	Entry("a sub-path with '..' inside", path("a/../b"), "must be relative and must not contain '..'"),
	Entry("an absolute sub-path", path("/etc"), "must be relative and must not contain '..'"),
	Entry("dots that are part of a name", path("v1..2/final"), ""),
	Entry("a bucket", source("{s3: {bucket: models, prefix: ov-7b}}"), ""),
	Entry("a bucket prefix that leaves it", source("{s3: {bucket: models, prefix: ../x}}"), "prefix must be relative"),
	Entry("a store of one's own", source("{s3: {bucket: models, prefix: ov-7b, endpoint: 'http://10.0.0.1:9000', region: eu-west-1, credentialsSecretName: s}}"), ""),
	Entry("a store without a scheme", source("{s3: {bucket: models, prefix: ov-7b, endpoint: '10.0.0.1:9000'}}"), "spec.model.s3.endpoint"),
	Entry("a mirror of the hub", set("spec.model.huggingFace.endpoint", "https://hub.example"), ""),
	Entry("a mirror that is a file", set("spec.model.huggingFace.endpoint", "file:///etc"), "spec.model.huggingFace.endpoint"),
	Entry("a cache for what is fetched", set("spec.model.cache", "{claimName: models}"), ""),
	Entry("a cache for what is mounted", source("{pvc: {claimName: m}, cache: {claimName: models}}"), "model.cache is for models that are fetched"),
	Entry("too many pictures a request", set("spec.model.maxImagesPerRequest", "257"), "less than or equal to 256"),
	Entry("a model length of nothing", set("spec.model.maxModelLen", "1"), "greater than or equal to 256"),

	Entry("no GPU type", set("spec.gpuTypes", "[]"), "at least 1 items"),
	Entry("nine GPU types", ninth, "must have at most 8 items"),
	Entry("two GPU types of one name", set("spec.gpuTypes", "[{name: a, gpuClassName: x}, {name: a, gpuClassName: y}]"), "Duplicate value"),
	Entry("a class and a selector", set("spec.gpuTypes.0.nodeSelector", "{a: b}"), "only one of gpuClassName and nodeSelector"),
	Entry("a selector instead of a class", set("spec.gpuTypes", "[{name: a, nodeSelector: {a: b}}]"), ""),
	Entry("a GPU type with neither class nor selector", set("spec.gpuTypes", "[{name: a}]"), "needed unless count is 0"),
	Entry("a CPU pool with neither class nor selector", set("spec.gpuTypes", "[{name: cpu, count: 0}]"), ""),
	Entry("a CPU pool on selected nodes", set("spec.gpuTypes", "[{name: cpu, count: 0, nodeSelector: {a: b}}]"), ""),
	Entry("nine GPUs a pod", set("spec.gpuTypes.0.count", "9"), "less than or equal to 8"),
	Entry("a name that is no label", set("spec.gpuTypes.0.name", "L40S"), "spec.gpuTypes[0].name"),
	Entry("an unknown capacity type", set("spec.gpuTypes.0.capacityTypes", "[Reserved]"), "Unsupported value"),
	Entry("a type that raises the floor", set("spec.gpuTypes.0.retention", "{minPercent: 30}"), ""),
	Entry("a type that lowers the floor", set("spec.gpuTypes.0.retention", "{minPercent: 5}"), "may raise cache.retention.minPercent, not lower it"),
	Entry("a type's floor above the ceiling", all(set("spec.cache", "{retention: {maxPercent: 60}}"), set("spec.gpuTypes.0.retention", "{minPercent: 70}")), "must not exceed cache.retention.maxPercent"),

	Entry("an unknown cache policy", set("spec.cache.policy", "Half"), "Unsupported value"),
	Entry("a peer's policy", set("spec.cache", "{policy: TGV, retention: {percent: 50}}"), ""),
	Entry("a policy that is only of use in a comparison", set("spec.cache.policy", "Random"), "Unsupported value"),
	Entry("options of the policy", set("spec.cache", "{layerBudget: Skewness, options: {alphaPercent: 20, window: Elite, granularity: KVHead}}"), ""),
	Entry("the policy as published", set("spec.cache", "{options: {preset: Paper}}"), ""),
	Entry("a preset that does not exist", set("spec.cache", "{options: {preset: Best}}"), "Unsupported value"),
	Entry("options of a policy that has none", set("spec.cache", "{policy: TGV, options: {alphaPercent: 20}}"), "cache.options are those of policy AirCache"),
	Entry("no options", set("spec.cache", "{options: {}}"), "at least 1 properties"),
	Entry("an alpha above the highest attention", set("spec.cache", "{options: {alphaPercent: 101}}"), "less than or equal to 100"),
	Entry("a window that does not exist", set("spec.cache", "{options: {window: Last64}}"), "Unsupported value"),
	Entry("a layer budget that hurts", set("spec.cache", "{layerBudget: Pyramid}"), "Unsupported value"),
	Entry("a retention of zero", set("spec.cache.retention", "{minPercent: 0}"), "greater than or equal to 1"),
	Entry("a retention above one hundred", set("spec.cache.retention", "{maxPercent: 101}"), "less than or equal to 100"),
	Entry("a start below the floor", set("spec.cache.retention", "{minPercent: 60, percent: 50}"), "percent must lie within minPercent and maxPercent"),
	Entry("a start above the ceiling", set("spec.cache.retention", "{maxPercent: 60, percent: 70}"), "percent must lie within minPercent and maxPercent"),
	Entry("a floor above the ceiling", set("spec.cache.retention", "{minPercent: 60, maxPercent: 50}"), "minPercent must not exceed retention.maxPercent"),
	Entry("a part of the retention; the rest has defaults", set("spec.cache.retention", "{percent: 50}"), ""),
	Entry("a cache of one mebibyte", set("spec.cache.kvCacheMiB", "1"), ""),
	Entry("a cache of no bytes", set("spec.cache.kvCacheMiB", "0"), "greater than or equal to 1"),
	Entry("an empty list of objectives", set("spec.objectives", "{}"), "at least 1 properties"),
	Entry("an objective that no cache can be kept at", set("spec.objectives", "{kvUtilizationPercent: 99}"), "less than or equal to 98"),

	Entry("mode Fixed without a value", set("spec.tuning", "{mode: Fixed}"), "tuning.mode Fixed needs cache.retention.percent"),
	Entry("mode Fixed with a value", all(set("spec.tuning", "{mode: Fixed}"), set("spec.cache", "{retention: {percent: 25}}")), ""),
	Entry("policy Full while tuning", set("spec.cache", "{policy: Full}"), "cache.policy Full needs tuning.mode Fixed"),
	Entry("policy Full with mode Fixed", all(set("spec.cache", "{policy: Full}"), set("spec.tuning", "{mode: Fixed}")), ""),
	Entry("policy Full with half a cache", all(set("spec.cache", "{policy: Full, retention: {percent: 50}}"), set("spec.tuning", "{mode: Fixed}")), "keeps everything"),
	Entry("mode Auto below 50 without a guard", set("spec.quality", "{shadowSamplePermille: 0, minRecallPercent: 0}"), "needs a quality guard"),
	Entry("mode Auto below 50 guarded by recall alone", set("spec.quality", "{shadowSamplePermille: 0}"), ""),
	Entry("mode Auto below 50 guarded by samples alone", set("spec.quality", "{minRecallPercent: 0}"), ""),
	Entry("mode Auto from 50 up without a guard", all(set("spec.quality", "{shadowSamplePermille: 0, minRecallPercent: 0}"), set("spec.cache", "{retention: {minPercent: 50}}"), set("spec.gpuTypes", "[{name: a, gpuClassName: x}]")), ""),
	Entry("mode Recommend without a guard", all(set("spec.quality", "{shadowSamplePermille: 0, minRecallPercent: 0}"), set("spec.tuning", "{mode: Recommend}")), ""),
	Entry("a look each second", set("spec.tuning", "{intervalSeconds: 1}"), "greater than or equal to 2"),
	Entry("no stabilisation", set("spec.tuning", "{stabilizationSeconds: 0}"), ""),
	Entry("a step of everything", set("spec.tuning", "{maxStepPercent: 51}"), "less than or equal to 50"),
	Entry("a canary of all pods", set("spec.tuning", "{canaryPermille: 1000}"), ""),

	Entry("replicas beside an external autoscaler", all(set("spec.replicas", "2"), set("spec.autoscaling", "{mode: External}")), ""),
	Entry("replicas beside Managed", all(set("spec.replicas", "2"), managed), "replicas must be left out when autoscaling.mode is Managed"),
	Entry("Managed without a maximum", set("spec.autoscaling", "{mode: Managed, minReplicas: 1}"), "Managed needs minReplicas and maxReplicas"),
	Entry("Managed with crossed limits", set("spec.autoscaling", "{mode: Managed, minReplicas: 5, maxReplicas: 4}"), "minReplicas must not exceed maxReplicas"),
	Entry("Managed that idles at zero", set("spec.autoscaling", "{mode: Managed, minReplicas: 0, maxReplicas: 3}"), "spec.autoscaling.minReplicas in body should be greater than or equal to 1"),
	Entry("negative replicas", set("spec.replicas", "-1"), "greater than or equal to 0"),
	Entry("strategy Any over equal types", set("spec.placement", "{strategy: Any}"), ""),
	Entry("strategy Any with a limit of one type", all(set("spec.placement", "{strategy: Any}"), set("spec.gpuTypes.0.maxReplicas", "2")), "maxReplicas needs placement.strategy Ordered"),
	Entry("strategy Any over unequal types", all(set("spec.placement", "{strategy: Any}"), set("spec.gpuTypes.0.count", "2")), "needs the same count"),
	Entry("no time to start", set("spec.lifecycle", "{startupTimeoutSeconds: 1}"), "greater than or equal to 30"),
	Entry("no time to drain", set("spec.lifecycle", "{drainSeconds: 0}"), ""),
	Entry("a drain of days", set("spec.lifecycle", "{drainSeconds: 86400}"), "less than or equal to 3600"),

	Entry("a name of 45 characters", set("metadata.name", strings.Repeat("a", 45)), ""),
	Entry("a name of 46 characters", set("metadata.name", strings.Repeat("a", 46)), "at most 45 characters"),
	Entry("a name that no Service may have", set("metadata.name", "1-docs"), "starts with a letter"),
	Entry("a name with a dot", set("metadata.name", "docs.v1"), "must be a DNS label"),
)

var _ = DescribeTable("a GPUClass is accepted or refused", func(ctx SpecContext, e edit, refusal string) {
	err := send(ctx, goodClass, e)
	if refusal == "" {
		Expect(err).NotTo(HaveOccurred())
		return
	}
	Expect(err).To(MatchError(ContainSubstring(refusal)))
},
	Entry("the base of all cases", edit(nothing), ""),
	Entry("no label to find nodes by", set("spec.nodeSelector", "{}"), "at least 1 properties"),
	Entry("no memory", set("spec.memoryGiB", "0"), "greater than or equal to 1"),
	Entry("a resource without a domain", set("spec.resourceName", "gpu"), "spec.resourceName"),
	Entry("another vendor's resource", set("spec.resourceName", "amd.com/gpu"), ""),
	Entry("a DeviceClass", set("spec.deviceClassName", "gpu.example.com"), ""),
	Entry("a DeviceClass that no extended resource can name", set("spec.deviceClassName", strings.Repeat("a", 64)), "may not be more than 63"),
	Entry("a floor above one hundred", set("spec.minRetentionPercent", "101"), "less than or equal to 100"),
	Entry("namespaces by label", set("spec.allowedNamespaces", "{matchLabels: {kubernetes.io/metadata.name: vision}}"), ""),
	Entry("a long name", set("metadata.name", strings.Repeat("a", 64)), "at most 63 characters"),
)
