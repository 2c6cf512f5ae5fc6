package render

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"aircache.dev/aircache/api/v1alpha1"
)

const capacityTypeLabel = "karpenter.sh/capacity-type"

// nodeSelector is what the nodes of one GPU type are labelled with. The pods of strategy Any have an affinity instead.
func nodeSelector(pool Pool) map[string]string {
	if pool.AnyOf != nil {
		return nil
	}
	return nodeLabels(pool)
}

func nodeLabels(member Pool) map[string]string {
	selector := map[string]string{}
	if member.Class != nil {
		maps.Copy(selector, member.Class.NodeSelector)
	}
	maps.Copy(selector, member.Type.NodeSelector)
	if c := member.Type.CapacityTypes; len(c) == 1 {
		selector[capacityTypeLabel] = map[v1alpha1.CapacityType]string{v1alpha1.Spot: "spot", v1alpha1.OnDemand: "on-demand"}[c[0]]
	}
	if len(selector) == 0 {
		return nil
	}
	return selector
}

// affinity lets the pods of strategy Any onto the nodes of each type: one required term a type, in order, for node autoscalers try
// them one after the other. The scheduler takes required terms for equal, so preferred ones tell it the order where they can.
func affinity(pool Pool) *corev1.Affinity {
	var terms []corev1.NodeSelectorTerm
	for _, member := range pool.AnyOf {
		labels := nodeLabels(member)
		if labels == nil {
			return nil // a CPU type without labels runs anywhere, so all of them do
		}
		terms = append(terms, term(labels))
	}
	if terms == nil {
		return nil
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution:  &corev1.NodeSelector{NodeSelectorTerms: terms},
		PreferredDuringSchedulingIgnoredDuringExecution: preferences(pool.AnyOf),
	}}
}

func term(labels map[string]string) corev1.NodeSelectorTerm {
	var t corev1.NodeSelectorTerm
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		t.MatchExpressions = append(t.MatchExpressions, corev1.NodeSelectorRequirement{
			Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{labels[key]},
		})
	}
	return t
}

// preferences are nested: {A,B,C} weighs most, {A,B} less, {A} least. A node of an earlier type is in more of the sets, so the
// scheduler's sum orders the types; and Karpenter, which takes the heaviest preference for a requirement until it fails, never turns a
// later type away: with plain weights (A 100, B 50) it buys C though B could be had. Weights of three types: 100, 60, 40.
//
// One set needs one label that tells the types apart. Types that differ in more than one label, or share their values, get none.
func preferences(members []Pool) []corev1.PreferredSchedulingTerm {
	key, values := tellingLabel(members)
	if key == "" {
		return nil
	}
	const heaviest, lightest, most = 100, 40, 20
	step := min(most, (heaviest-lightest)/(len(values)-1)) // Karpenter sorts by weight, so no two are equal
	var list []corev1.PreferredSchedulingTerm
	for n := len(values); n > 0; n-- {
		weight := lightest + step*(n-1)
		if n == len(values) {
			weight = heaviest
		}
		list = append(list, corev1.PreferredSchedulingTerm{
			Weight: int32(weight),
			Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: key, Operator: corev1.NodeSelectorOpIn, Values: slices.Clone(values[:n]),
			}}},
		})
	}
	return list
}

// tellingLabel is the one label in which all types differ, with its values in order; "" when there is none.
func tellingLabel(members []Pool) (string, []string) {
	if len(members) < 2 {
		return "", nil
	}
	for _, key := range slices.Sorted(maps.Keys(nodeLabels(members[0]))) {
		var values []string
		for _, member := range members {
			if value, has := nodeLabels(member)[key]; has && !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
		if len(values) == len(members) {
			return key, values
		}
	}
	return "", nil
}

// tolerations are those of the class and the type; of all of them with strategy Any.
func tolerations(pool Pool) []corev1.Toleration {
	var list []corev1.Toleration
	for _, member := range pool.Members() {
		var own []corev1.Toleration
		if member.Class != nil {
			own = append(own, member.Class.Tolerations...)
		}
		for _, t := range append(own, member.Type.Tolerations...) {
			if pool.AnyOf == nil || !slices.ContainsFunc(list, func(has corev1.Toleration) bool { return has.MatchToleration(&t) }) {
				list = append(list, t)
			}
		}
	}
	return list
}
