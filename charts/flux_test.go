package charts

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestTheChartTakesTheFluxExamplesValues: an example that the chart refuses would be the first thing that a user of Flux meets.
func TestTheChartTakesTheFluxExamplesValues(t *testing.T) {
	tried := 0
	for _, doc := range strings.Split(string(read(t, "../config/flux/operator.yaml")), "\n---\n") {
		var release struct {
			Kind string `json:"kind"`
			Spec struct {
				Chart struct {
					Spec struct {
						Chart string `json:"chart"`
					} `json:"spec"`
				} `json:"chart"`
				Values map[string]any `json:"values"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal([]byte(doc), &release); err != nil {
			t.Fatal(err)
		}
		if release.Kind != "HelmRelease" {
			continue
		}
		tried++
		values, err := yaml.Marshal(release.Spec.Values)
		if err != nil {
			t.Fatal(err)
		}
		if release.Spec.Chart.Spec.Chart != "charts/aircache-operator" || len(release.Spec.Values) == 0 {
			t.Errorf("the HelmRelease is of %q with %d values", release.Spec.Chart.Spec.Chart, len(release.Spec.Values))
		}
		if out, err := render(t, string(values)); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if tried != 1 {
		t.Errorf("config/flux/operator.yaml holds %d HelmReleases", tried)
	}
}
