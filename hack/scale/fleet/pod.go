package fleet

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"aircache.dev/aircache/controllers/render"
	"aircache.dev/aircache/runtime/control"
)

// Pod is one pretended runtime. All fields but applied and the ones after it are fixed; those belong to the Fleet's mutex.
type Pod struct {
	UID        types.UID
	Name       types.NamespacedName
	Deployment string // the AirCacheDeployment's name
	Pool       string
	IP         string
	Bounds     control.Bounds // from the pod's own arguments
	Keys       control.Keyring

	applied   control.Ack
	usage     float64
	served    int64
	kept      int64 // tokens of pictures
	startedAt time.Time
	close     []io.Closer
}

// newPod reads what a real runtime reads from its arguments.
func newPod(pod *corev1.Pod, now time.Time) (*Pod, error) {
	p := &Pod{
		UID: pod.UID, Name: types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}, Deployment: pod.Labels[render.LabelDeployment],
		Pool: pod.Labels[render.LabelPool], IP: pod.Status.PodIP, usage: 0.3, startedAt: now,
	}
	flags := map[string][]string{}
	for _, c := range pod.Spec.Containers {
		if c.Name != render.ContainerName {
			continue
		}
		for _, arg := range c.Args {
			name, value, _ := strings.Cut(arg, "=")
			flags[name] = append(flags[name], value)
		}
	}
	var errs []error
	permille := func(flag string) int32 {
		if len(flags[flag]) != 1 {
			errs = append(errs, fmt.Errorf("%s was given %d times", flag, len(flags[flag])))
			return 0
		}
		n, err := strconv.ParseInt(flags[flag][0], 10, 32)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", flag, err))
		}
		return int32(n)
	}
	p.Bounds = control.Bounds{
		Pool: p.Pool, FloorPermille: permille("--retention-floor-permille"), CeilingPermille: permille("--retention-ceiling-permille"),
	}
	if uid := flags["--deployment-uid"]; len(uid) == 1 {
		p.Bounds.UID = uid[0]
	}
	p.applied = control.Ack{TargetPermille: permille("--retention-permille")}
	var err error
	if p.Keys, err = control.ParseKeyring(flags["--tuning-public-key"]); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("reading the arguments of pod %s: %w", p.Name, err)
	}
	return p, nil
}

// take applies a directive, or says as a real pod does why not.
func (p *Pod) take(body io.Reader, now time.Time) (control.Ack, bool, error) {
	tuning, err := p.Keys.Open(body)
	if err == nil {
		err = tuning.Check(p.applied, p.Bounds)
	}
	if err != nil || tuning.Same(p.applied) {
		return p.applied, false, err
	}
	p.applied = tuning.Accepted(now)
	return p.applied, true, nil
}

func (p *Pod) values() values {
	v := values{
		usage: p.usage, running: 4, served: p.served, kept: p.kept, target: p.applied.TargetPermille,
		epoch: p.applied.Epoch, revision: p.applied.Revision, startedAt: p.startedAt.Unix(),
	}
	return v
}
