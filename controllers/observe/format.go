package observe

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// maxMetricsBytes bounds one pod's answer. A pod writes about 45 KiB of text, or 20 KiB of protobuf.
const maxMetricsBytes = 4 << 20

var (
	protobuf = expfmt.NewFormat(expfmt.TypeProtoDelim)
	// accepted asks for protobuf, which takes a fraction of the time to read; text will do.
	accepted = string(protobuf) + ";q=0.9,text/plain;version=0.0.4;q=0.5"
)

// readAnswer reads the metrics in the format that their header names.
func readAnswer(header http.Header, body io.Reader) (Snapshot, error) {
	if expfmt.ResponseFormat(header).FormatType() == expfmt.TypeProtoDelim {
		return ParseProto(body)
	}
	return Parse(body)
}

// Parse reads the text format of Prometheus. Metrics that it does not know are passed over.
func Parse(r io.Reader) (Snapshot, error) {
	limited := &io.LimitedReader{R: r, N: maxMetricsBytes + 1}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(limited)
	if limited.N <= 0 {
		return Snapshot{}, errTooLong
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("reading metrics: %w", err)
	}
	s := newSnapshot()
	for name, family := range families {
		if read, known := readers[name]; known {
			if err := s.add(family, read); err != nil {
				return Snapshot{}, err
			}
		}
	}
	return s, s.missing()
}

var errTooLong = fmt.Errorf("reading metrics: more than %d bytes", maxMetricsBytes)

// ParseProto reads Prometheus' delimited protobuf format: families by ascending name, each behind its length. Those that it does not know
// are passed over undecoded.
func ParseProto(r io.Reader) (Snapshot, error) {
	limited := &io.LimitedReader{R: r, N: maxMetricsBytes + 1}
	in := bufio.NewReader(limited)
	s := newSnapshot()
	var message []byte
	for last := ""; ; {
		size, err := binary.ReadUvarint(in)
		if errors.Is(err, io.EOF) && limited.N > 0 {
			return s, s.missing()
		}
		if err == nil && size <= maxMetricsBytes {
			message = slices.Grow(message[:0], int(size))[:size]
			_, err = io.ReadFull(in, message)
		}
		if size > maxMetricsBytes || limited.N <= 0 {
			return Snapshot{}, errTooLong
		}
		if err != nil {
			return Snapshot{}, fmt.Errorf("reading metrics: %w", err)
		}
		name := familyName(message)
		if name <= last {
			return Snapshot{}, fmt.Errorf("reading metrics: %q comes after %q", name, last)
		}
		last = name
		read, known := readers[name]
		if !known {
			continue
		}
		family := &dto.MetricFamily{}
		if err := proto.Unmarshal(message, family); err != nil {
			return Snapshot{}, fmt.Errorf("reading metrics: %s: %w", name, err)
		}
		if err := s.add(family, read); err != nil {
			return Snapshot{}, err
		}
	}
}

// familyName is the first field of an encoded MetricFamily, which is its name; "" when it is not.
func familyName(message []byte) string {
	number, kind, n := protowire.ConsumeTag(message)
	if n < 0 || number != 1 || kind != protowire.BytesType {
		return ""
	}
	name, n := protowire.ConsumeBytes(message[n:])
	if n < 0 {
		return ""
	}
	return string(name)
}

func newSnapshot() Snapshot {
	return Snapshot{Recall: map[int32]Histogram{}, RecallSums: map[int32]Sum{}}
}

func (s *Snapshot) add(family *dto.MetricFamily, read func(*Snapshot, *dto.Metric) error) error {
	for _, m := range family.GetMetric() {
		if err := read(s, m); err != nil {
			return fmt.Errorf("reading metrics: %s: %w", family.GetName(), err)
		}
	}
	return nil
}
