package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/hack/scale/fleet"
	"aircache.dev/aircache/hack/scale/rig"
)

// chaos is a run under way.
type chaos struct {
	options
	rig       *rig.Rig
	fleet     *fleet.Fleet
	view      *rig.View
	proxy     *proxy
	operators map[string]*rig.Operator
	held      *invariants
	started   time.Time
	mu        sync.Mutex // of operators
	restarts  int        // of operators that ended by themselves

	ending  sync.Mutex // held by whoever ends or starts an operator, until that is done
	made    map[kind]int
	settled []time.Duration // how long each look took until all was well
}

// operatorNames are the two, of which one leads.
var operatorNames = []string{"a", "b"}

// look is how often it is looked whether all is well again.
const look = 250 * time.Millisecond

func objectName(i int) string { return fmt.Sprintf("docs-%03d", i) }

func begin(ctx context.Context, o options) (*chaos, error) {
	r, err := rig.Connect(o.repo, o.dir)
	if err != nil {
		return nil, err
	}
	c := &chaos{options: o, rig: r, fleet: fleet.New(clock.RealClock{}), operators: map[string]*rig.Operator{}, held: newInvariants(), started: time.Now(), made: map[kind]int{}}
	c.fleet.OnApplied = c.held.applied
	if err := r.Prepare(ctx, 8*o.objects+100); err != nil {
		return nil, err
	}
	server, err := url.Parse(r.Config.Host)
	if err != nil {
		return nil, fmt.Errorf("reading the API server's address: %w", err)
	}
	if c.proxy, err = newProxy(server.Host); err != nil {
		return nil, err
	}
	if err := r.Through(ctx, c.proxy.address()); err != nil {
		return nil, err
	}
	if c.view, err = r.Watch(ctx, c.fleet); err != nil {
		return nil, err
	}
	c.view.OnChange(c.held.changed)
	for _, name := range operatorNames {
		if err := c.startOperator(name); err != nil {
			return nil, err
		}
	}
	go c.keepOperators(ctx)
	return c, c.createObjects(ctx)
}

func (c *chaos) startOperator(name string) error {
	o, err := c.rig.Start(name, "--leader-elect", "--runtime-image="+rig.RuntimeImage("a"))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.operators[name] = o
	return nil
}

func (c *chaos) operator(name string) *rig.Operator {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.operators[name]
}

// keepOperators starts those anew that ended by themselves, as a kubelet does: a leader that loses its lease ends.
func (c *chaos) keepOperators(ctx context.Context) {
	for fleet.Pause(ctx, 2*time.Second) == nil {
		for _, name := range operatorNames {
			c.restartIfEnded(name)
		}
	}
}

func (c *chaos) restartIfEnded(name string) {
	c.ending.Lock()
	defer c.ending.Unlock()
	if !c.operator(name).HasEnded() {
		return
	}
	if err := c.startOperator(name); err != nil {
		c.say("starting operator %s: %v", name, err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.restarts++
}

func (c *chaos) createObjects(ctx context.Context) error {
	for i := range c.objects {
		d := rig.Object(objectName(i), int32(1+i%3), func(d *v1alpha1.AirCacheDeployment) { d.Spec.Tuning.IntervalSeconds = 2 })
		if err := c.rig.Client.Create(ctx, d); err != nil {
			return fmt.Errorf("creating object %s: %w", d.Name, err)
		}
		c.held.userWrote(d)
	}
	c.say("%d objects, two operators, seed %d", c.objects, c.seed)
	return c.settle(ctx)
}

func (c *chaos) end() {
	c.ending.Lock() // for good: nothing is started any more
	for _, name := range operatorNames {
		c.operator(name).Kill()
	}
	c.proxy.close()
	_ = c.fleet.Close() // its listeners die with the program
}

func (c *chaos) say(format string, args ...any) {
	fmt.Printf("chaos: %7.1f s  %s\n", time.Since(c.started).Seconds(), fmt.Sprintf(format, args...))
}

// makeFaults follows the plan. A fault that lasts is over before the next one is made, and waiting for rest moves all that come later.
func (c *chaos) makeFaults(ctx context.Context) error {
	moved := time.Now()
	for _, f := range plan(c.seed, c.length, c.objects) {
		if err := fleet.Pause(ctx, f.At-time.Since(moved)); err != nil {
			return err
		}
		if f.Kind == settle {
			before := time.Now()
			if err := c.settle(ctx); err != nil {
				return err
			}
			moved = moved.Add(time.Since(before))
			continue
		}
		c.say("%s", f)
		if err := c.make(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		c.made[f.Kind]++
	}
	return nil
}

// settle waits until all is as it should be, and holds it against what must always be so.
func (c *chaos) settle(ctx context.Context) error {
	begin := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, c.converge, fmt.Errorf("%s are over", c.converge))
	defer cancel()
	// Children first, status then: it may be of before a fault that the operator has not heard of.
	for _, wait := range []func() error{func() error { return c.repaired(ctx) }, func() error { return c.view.Settle(ctx, c.fleet) }, func() error { return c.repaired(ctx) }} {
		if err := wait(); err != nil {
			return fmt.Errorf("not everything is as it should be after the last fault: %w", err)
		}
	}
	took := time.Since(begin)
	c.settled = append(c.settled, took)
	objects := &v1alpha1.AirCacheDeploymentList{}
	if err := c.rig.Client.List(ctx, objects, client.InNamespace(rig.Namespace)); err != nil {
		return fmt.Errorf("listing the objects: %w", err)
	}
	requests, err := c.rig.Requests()
	if err != nil {
		return err
	}
	c.held.atRest(objects.Items, requests)
	violations, changes, values := c.held.result()
	c.say("all is well after %.1f s; %d changes and %d applied values were looked at", took.Seconds(), changes, values)
	if len(violations) > 0 {
		return errors.New(strings.Join(violations, "; "))
	}
	return nil
}

// outcome is what is written and printed.
type outcome struct {
	Seed           uint64       `json:"seed"`
	Seconds        float64      `json:"seconds"`
	Objects        int          `json:"objects"`
	Faults         map[kind]int `json:"faults"`
	Settled        int          `json:"times_settled"`
	MedianSeconds  float64      `json:"settled_median_seconds"`
	LongestSeconds float64      `json:"settled_longest_seconds"`
	Changes        int          `json:"deployment_changes_checked"`
	Values         int          `json:"applied_values_checked"`
	Restarts       int          `json:"operators_that_ended_by_themselves"`
}

func (c *chaos) report() error {
	_, changes, values := c.held.result()
	c.mu.Lock()
	restarts := c.restarts
	c.mu.Unlock()
	slices.Sort(c.settled)
	o := outcome{Seed: c.seed, Seconds: time.Since(c.started).Seconds(), Objects: c.objects, Faults: c.made, Settled: len(c.settled), Changes: changes, Values: values, Restarts: restarts,
		MedianSeconds: c.settled[len(c.settled)/2].Seconds(), LongestSeconds: c.settled[len(c.settled)-1].Seconds()}
	total := 0
	for _, k := range slices.Sorted(maps.Keys(c.made)) {
		fmt.Printf("%6d %s\n", c.made[k], k)
		total += c.made[k]
	}
	fmt.Printf("%d faults in %.0f s; all was well again %d times, after %.1f s in the median and %.1f s at the longest (limit %s); %d operators ended by themselves and were started again\n",
		total, o.Seconds, o.Settled, o.MedianSeconds, o.LongestSeconds, c.converge, restarts)
	if c.json == "" {
		return nil
	}
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.WriteFile(c.json, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
