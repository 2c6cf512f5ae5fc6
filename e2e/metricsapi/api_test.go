package metricsapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

const page = `# TYPE aircache_operator_recommended_replicas gauge
aircache_operator_recommended_replicas{namespace="vision",name="docs",pool="l40s"} 2
aircache_operator_recommended_replicas{namespace="vision",name="docs",pool="a100"} 1
aircache_operator_recommended_replicas{namespace="vision",name="other",pool="cpu"} 7
aircache_operator_recommended_replicas{namespace="elsewhere",name="docs",pool="cpu"} 9
`

func ask(path string, err error) *httptest.ResponseRecorder {
	h := &Handler{
		Page:    func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(page)), err },
		Metrics: []string{"aircache_operator_recommended_replicas"}, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0)),
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/apis/external.metrics.k8s.io/v1beta1"+path, nil))
	return answer
}

func TestAnHPAIsToldTheValuesOfItsObjectAlone(t *testing.T) {
	answer := ask("/namespaces/vision/aircache_operator_recommended_replicas?labelSelector=name%3Ddocs", nil)
	body := answer.Body.String()
	if answer.Code != http.StatusOK || strings.Count(body, `"metricName"`) != 2 || !strings.Contains(body, `"value":"2"`) || !strings.Contains(body, `"value":"1"`) {
		t.Errorf("%d %s", answer.Code, body)
	}
}

func TestOtherAnswers(t *testing.T) {
	for _, c := range []struct {
		path string
		err  error
		code int
		says string
	}{
		{"", nil, http.StatusOK, `"name":"aircache_operator_recommended_replicas"`},
		{"/namespaces/vision/unknown", nil, http.StatusOK, `"items":null`},
		{"/namespaces/vision/x?labelSelector=a(", nil, http.StatusBadRequest, "labelSelector"},
		{"/namespaces/vision/x", errors.New("nobody answers"), http.StatusBadGateway, "nobody answers"},
		{"/nodes", nil, http.StatusNotFound, "not found"},
	} {
		if answer := ask(c.path, c.err); answer.Code != c.code || !strings.Contains(answer.Body.String(), c.says) {
			t.Errorf("%s: %d %s", c.path, answer.Code, answer.Body)
		}
	}
}
