package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"aircache.dev/aircache/hack/scale/fleet"
)

// Operator is one process of the operator.
type Operator struct {
	Name    string
	Started time.Time

	cmd             *exec.Cmd
	metrics, health string
	profiles        string
	ended           chan struct{}
}

// Start runs the operator from bin/ with a log file of its own. It returns at once; Ready waits.
func (r *Rig) Start(name string, args ...string) (*Operator, error) {
	var addresses [3]string
	for i := range addresses {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a port for the operator: %w", err)
		}
		defer listener.Close()
		addresses[i] = listener.Addr().String()
	}
	log, err := os.OpenFile(filepath.Join(r.Dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("starting operator %s: %w", name, err)
	}
	defer log.Close()
	o := &Operator{Name: name, Started: time.Now(), metrics: addresses[0], health: addresses[1], profiles: addresses[2], ended: make(chan struct{})}
	args = append([]string{"--metrics-addr=" + o.metrics, "--health-addr=" + o.health, "--pprof-addr=" + o.profiles, "--leader-election-namespace=" + operatorNamespace, "--directive-key-file=" + r.key}, args...)
	o.cmd = exec.Command(filepath.Join(r.Repo, "bin/aircache-operator"), args...)
	o.cmd.Stdout, o.cmd.Stderr = log, log
	o.cmd.Env = append(os.Environ(), "KUBECONFIG="+r.kubeconfig)
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := o.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting operator %s: %w", name, err)
	}
	go func() {
		_ = o.cmd.Wait() // it is told from outside when it ends
		close(o.ended)
	}()
	return o, nil
}

// Stop ends it as a kubelet does, Kill as a machine that is lost.
func (o *Operator) Stop() { o.end(syscall.SIGTERM) }
func (o *Operator) Kill() { o.end(syscall.SIGKILL) }

func (o *Operator) end(signal syscall.Signal) {
	_ = o.cmd.Process.Signal(signal) // it may have ended already
	select {
	case <-o.ended:
	case <-time.After(30 * time.Second):
		_ = o.cmd.Process.Kill()
		<-o.ended
	}
}

// HasEnded tells whether the process is gone.
func (o *Operator) HasEnded() bool {
	select {
	case <-o.ended:
		return true
	default:
		return false
	}
}

// Ready waits until its cache is filled.
func (o *Operator) Ready(ctx context.Context) error {
	err := fleet.Wait(ctx, 50*time.Millisecond, func() bool {
		if o.HasEnded() {
			return true
		}
		answer, err := get(ctx, "http://"+o.health+"/readyz")
		return err == nil && strings.HasPrefix(string(answer), "ok")
	})
	if err == nil && o.HasEnded() {
		err = errors.New("it ended by itself")
	}
	if err != nil {
		return fmt.Errorf("waiting for operator %s: %w", o.Name, err)
	}
	return nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", url, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", url, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s", answer.Status, body)
	}
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", url, err)
	}
	return body, nil
}

// Metric is the sum of a metric's series that have the given labels ("name=value"); of a histogram it is the count.
func (o *Operator) Metric(ctx context.Context, name string, labels ...string) (float64, error) {
	body, err := get(ctx, "http://"+o.metrics+"/metrics")
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		return 0, fmt.Errorf("reading the metrics of operator %s: %w", o.Name, err)
	}
	var sum float64
	for _, m := range families[name].GetMetric() {
		if hasLabels(m, labels) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum, nil
}

func hasLabels(m *dto.Metric, wanted []string) bool {
	have := map[string]bool{}
	for _, l := range m.GetLabel() {
		have[l.GetName()+"="+l.GetValue()] = true
	}
	for _, w := range wanted {
		if !have[w] {
			return false
		}
	}
	return true
}

// Leads tells whether it holds the lease.
func (o *Operator) Leads(ctx context.Context) bool {
	v, err := o.Metric(ctx, "leader_election_master_status")
	return err == nil && v == 1
}

// Memory is the resident set now and at its highest, in bytes.
func (o *Operator) Memory() (now, peak int64, err error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("reading the memory of operator %s: %w", o.Name, err)
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		switch {
		case err != nil:
		case fields[0] == "VmRSS:":
			now = kib << 10
		case fields[0] == "VmHWM:":
			peak = kib << 10
		}
	}
	return now, peak, nil
}

// Profile writes one of the operator's pprof profiles ("heap", "profile?seconds=10") to a file.
func (o *Operator) Profile(ctx context.Context, name, file string) error {
	body, err := get(ctx, "http://"+o.profiles+"/debug/pprof/"+name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, body, 0o644); err != nil {
		return fmt.Errorf("writing a profile: %w", err)
	}
	return nil
}
