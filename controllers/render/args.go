package render

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

const mebi = 1 << 20

// args are the flags of `aircache serve`. They hold the bounds that no directive may leave; the start value is the ceiling, so that a
// pod without its tuning file errs on the side of quality.
func args(d *v1alpha1.AirCacheDeployment, pool Pool, operator Operator) []string {
	spec, bounds := &d.Spec, PoolBounds(&d.Spec, pool)
	list := append(append([]string{"serve"}, modelArgs(&spec.Model)...),
		"--served-name="+cmp.Or(spec.Model.ServedName, d.Name),
		fmt.Sprintf("--addr=:%d", HTTPPort),
		fmt.Sprintf("--control-addr=:%d", ControlPort),
		"--policy="+policy(&spec.Cache),
		fmt.Sprintf("--retention-permille=%d", bounds.CeilingPermille),
		fmt.Sprintf("--retention-floor-permille=%d", bounds.FloorPermille),
		fmt.Sprintf("--retention-ceiling-permille=%d", bounds.CeilingPermille),
		"--tuning-file="+tuningPath+"/"+TuningKey(pool.Name()),
		fmt.Sprintf("--max-images=%d", spec.Model.MaxImagesPerRequest),
		fmt.Sprintf("--shadow-sample-permille=%d", shadowPermille(spec)),
		fmt.Sprintf("--drain-seconds=%d", drainSeconds(spec)),
		"--deployment-uid="+string(d.UID),
		"--pool="+pool.Name(),
		"--pod-uid=$(POD_UID)",
		"--backend="+backend(pool),
	)
	for _, key := range operator.PublicKeys {
		list = append(list, publicKeyFlag+key)
	}
	if n := kvCacheBytes(spec, pool); n > 0 {
		list = append(list, fmt.Sprintf("--kv-cache-bytes=%d", n))
	}
	if how := spec.Cache.MultiTurn; how != "" {
		list = append(list, "--multi-turn="+how)
	}
	if n := spec.Model.MaxModelLen; n != nil {
		list = append(list, fmt.Sprintf("--max-model-len=%d", *n))
	}
	if n := spec.Model.MaxImagePixels; n != nil {
		list = append(list, fmt.Sprintf("--max-image-pixels=%d", *n))
	}
	if spec.Runtime.APIKeySecretRef != nil {
		list = append(list, "--api-key-file="+apiKeysPath+"/"+apiKeysFile)
	}
	return list
}

// policy is the policy with its options as every command of the runtime spells them: "AirCache+paper+layerBudget=Skewness+alpha=0.2".
// What spec leaves out is left to the runtime.
func policy(c *v1alpha1.CacheSpec) string {
	if c.Policy != v1alpha1.PolicyAirCache {
		return string(c.Policy)
	}
	parts := []string{string(c.Policy)}
	add := func(option, value string) {
		if value != "" {
			parts = append(parts, option+"="+value)
		}
	}
	options := ptr.Deref(c.Options, v1alpha1.CacheOptions{})
	if options.Preset != "" {
		parts = append(parts, strings.ToLower(options.Preset)) // comes first: what follows changes it
	}
	add("layerBudget", c.LayerBudget)
	add("window", options.Window)
	if options.AlphaPercent != nil {
		add("alpha", strconv.FormatFloat(float64(*options.AlphaPercent)/100, 'f', -1, 64))
	}
	add("granularity", options.Granularity)
	return strings.Join(parts, "+")
}

// shadowPermille is the API's default for objects that were stored before the field existed.
func shadowPermille(spec *v1alpha1.AirCacheDeploymentSpec) int32 {
	return ptr.Deref(spec.Quality.ShadowSamplePermille, 10)
}

func backend(pool Pool) string {
	if pool.IsCPU() {
		return "cpu"
	}
	return "auto"
}

// kvCacheBytes is what spec says; else, in a CPU pool, half of the container's memory limit; else 0: the pod derives it from its device.
func kvCacheBytes(spec *v1alpha1.AirCacheDeploymentSpec, pool Pool) int64 {
	if n := spec.Cache.KVCacheMiB; n != nil {
		return int64(*n) * mebi
	}
	if limit := spec.Runtime.Resources.Limits.Memory(); pool.IsCPU() && !limit.IsZero() {
		return limit.Value() / 2
	}
	return 0
}

func drainSeconds(spec *v1alpha1.AirCacheDeploymentSpec) int32 {
	return ptr.Deref(spec.Lifecycle.DrainSeconds, 100)
}
