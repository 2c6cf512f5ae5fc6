package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"aircache.dev/aircache/api/v1alpha1"
)

// writeStatus says what status says, for people.
func writeStatus(w io.Writer, d *v1alpha1.AirCacheDeployment, now time.Time) error {
	s := &d.Status
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "%s/%s\n", d.Namespace, d.Name)
	for _, line := range []struct{ name, value string }{
		{"pods", fmt.Sprintf("%d of %d ready", s.ReadyReplicas, s.DesiredReplicas)},
		{"url", s.URL}, {"model", s.ModelDigest}, {"retention", s.Retention}, {"latency", s.Latency}, {"quality", s.Quality},
	} {
		if line.value != "" {
			fmt.Fprintf(t, "  %s\t%s\n", line.name, line.value)
		}
	}
	if s.ObservedGeneration != d.Generation {
		fmt.Fprintf(t, "  note\tthe operator has not looked at the newest spec yet (generation %d, it saw %d)\n", d.Generation, s.ObservedGeneration)
	}
	writePools(t, s.Pools)
	writeConditions(t, s.Conditions, now)
	for i := range s.Pools {
		writeDecisions(t, &s.Pools[i], now)
	}
	return t.Flush()
}

func writePools(t io.Writer, pools []v1alpha1.PoolStatus) {
	if len(pools) == 0 {
		return
	}
	fmt.Fprintln(t, "\nPOOL\tREADY\tRETENTION\tBOUNDS\tOBEY\tRECALL\tAGREEMENT\tRECOMMENDED\tPRODUCT\tCAPACITY")
	for i := range pools {
		p := &pools[i]
		recommended := "-"
		if n := p.Tuning.RecommendedReplicas; n > 0 {
			recommended = fmt.Sprintf("%d pods", n)
		}
		capacity := p.CapacityReason
		if p.PendingReplicas > 0 {
			capacity = fmt.Sprintf("%d pending: %s", p.PendingReplicas, capacity)
		}
		fmt.Fprintln(t, strings.Join([]string{
			p.Name, fmt.Sprintf("%d/%d", p.ReadyReplicas, p.DesiredReplicas), percent(p.Tuning.TargetPermille),
			percent(p.Tuning.LowerBoundPermille) + " to " + percent(p.Tuning.UpperBoundPermille), fmt.Sprintf("%d pods", p.Tuning.AckedReplicas),
			percent(p.Quality.RecallPermille), percent(p.Quality.AgreementPermille), recommended, cmp.Or(p.Product, "-"), cmp.Or(capacity, "-"),
		}, "\t"))
	}
}

func writeConditions(t io.Writer, conditions []metav1.Condition, now time.Time) {
	if len(conditions) == 0 {
		return
	}
	fmt.Fprintln(t, "\nCONDITION\tSTATUS\tREASON\tFOR\tMESSAGE")
	for _, c := range conditions {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", c.Type, c.Status, c.Reason, duration.HumanDuration(now.Sub(c.LastTransitionTime.Time)), c.Message)
	}
}

// writeDecisions has the newest first: that is what one looks for.
func writeDecisions(t io.Writer, p *v1alpha1.PoolStatus, now time.Time) {
	if len(p.Decisions) == 0 {
		return
	}
	fmt.Fprintf(t, "\nDECISIONS of %s\tACTION\tRETENTION\tREASON\tMESSAGE\n", p.Name)
	for i := len(p.Decisions) - 1; i >= 0; i-- {
		d := &p.Decisions[i]
		fmt.Fprintf(t, "%s ago\t%s\t%s to %s\t%s\t%s\n", duration.HumanDuration(now.Sub(d.Time.Time)), d.Action, percent(d.FromPermille), percent(d.ToPermille), d.Reason, d.Message)
	}
}

// percent is "-" for what is not known.
func percent(permille int32) string {
	if permille == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(permille)/10, 'f', -1, 64) + "%"
}
