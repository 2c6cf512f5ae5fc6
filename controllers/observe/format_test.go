package observe

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// families are the metrics of a text, by name.
func families(t testing.TB, text string) []*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	byName, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var list []*dto.MetricFamily
	for _, f := range byName {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return list
}

func encoded(t testing.TB, families ...*dto.MetricFamily) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, f := range families {
		if err := expfmt.NewEncoder(&out, protobuf).Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestProtobufSaysWhatTheTextSays(t *testing.T) {
	text := podText(7)
	want, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseProto(bytes.NewReader(encoded(t, families(t, text)...)))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestBrokenProtobufIsRefused(t *testing.T) {
	list := families(t, podText(7))
	whole := encoded(t, list...)
	for name, c := range map[string]struct {
		message []byte
		says    string
	}{
		"nothing":              {nil, "is missing"},
		"an end too early":     {whole[:len(whole)-1], "unexpected EOF"},
		"a family twice":       {append(slices.Clone(whole), encoded(t, list[0])...), "comes after"},
		"a family without end": {[]byte{0xff, 0xff, 0xff, 0xff, 0x7f}, "more than 4194304 bytes"},
		"more than the limit":  {append(slices.Clone(whole), append([]byte{0xff, 0xff, 0xff, 0x01}, make([]byte, maxMetricsBytes)...)...), "more than 4194304 bytes"},
		"no family":            {[]byte{2, 0x10, 1}, `"" comes after ""`},
		"a torn family":        {append([]byte{byte(2 + len("aircache_recall") + 1), 0x0a, byte(len("aircache_recall"))}, "aircache_recall\x22"...), "aircache_recall"},
	} {
		if _, err := ParseProto(bytes.NewReader(c.message)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}

func TestProtobufIsAskedForAndTextIsUnderstood(t *testing.T) {
	var asked string
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Accept")
		format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultAcceptedFormats()...)
		if r.URL.Path == "/text" {
			format = expfmt.NewFormat(expfmt.TypeTextPlain)
		}
		w.Header().Set("Content-Type", string(format))
		encoder := expfmt.NewEncoder(w, format)
		for _, f := range families(t, podText(5)) {
			_ = encoder.Encode(f)
		}
	}))
	defer pod.Close()
	for _, path := range []string{"/", "/text"} {
		result := scraper(second, 1).Scrape(t.Context(), []Pod{{"1", pod.URL + path}}, second)[0]
		if result.Err != nil || result.Snapshot.Counters.Finished != 5 {
			t.Errorf("%s: got %+v, %v", path, result.Snapshot.Counters, result.Err)
		}
	}
	if !strings.HasPrefix(asked, "application/vnd.google.protobuf") {
		t.Errorf("asked for %q", asked)
	}
}

func FuzzParseProto(f *testing.F) {
	f.Add(encoded(f, families(f, podText(3))...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		s, err := ParseProto(bytes.NewReader(message))
		if err == nil {
			checkUse(t, s)
		}
	})
}

// BenchmarkParse reads the page of a real pod in both formats.
func BenchmarkParse(b *testing.B) {
	page, err := os.ReadFile("../../hack/scale/fleet/metrics.txt")
	if err != nil {
		b.Fatal(err)
	}
	message := encoded(b, families(b, string(page))...)
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse(bytes.NewReader(page)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protobuf", func(b *testing.B) {
		b.ReportAllocs()
		b.ReportMetric(float64(len(message)), "bytes")
		for b.Loop() {
			if _, err := ParseProto(bytes.NewReader(message)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
