package deployment

import (
	"fmt"
	"slices"
	"strings"

	"aircache.dev/aircache/api/v1alpha1"
)

// productMismatch is the first pool whose pods report a product that none of its GPU classes expects. A class without expectedProducts
// expects anything.
func productMismatch(p *plan, pools []v1alpha1.PoolStatus) *finding {
	for i, pool := range p.pools {
		expected, all := expectedProducts(pool)
		if !all {
			continue
		}
		for _, product := range strings.Split(pools[i].Product, ", ") {
			if product == "" || slices.ContainsFunc(expected, func(e string) bool { return plain(e) == plain(product) }) {
				continue
			}
			return &finding{v1alpha1.ReasonProductMismatch, fmt.Sprintf("pool %s: pods run on %q, while GPUClass %s expects %s",
				pool.Name(), product, classNames(pool), quoted(expected))}
		}
	}
	return nil
}

// expectedProducts are those of all classes of a pool; all is false when one of its types expects anything.
func expectedProducts(pool poolPlan) (products []string, all bool) {
	for _, member := range pool.Members() {
		if member.Class == nil || len(member.Class.ExpectedProducts) == 0 {
			return nil, false
		}
		products = append(products, member.Class.ExpectedProducts...)
	}
	return products, true
}

func classNames(pool poolPlan) string {
	var names []string
	for _, member := range pool.Members() {
		names = append(names, member.Type.GPUClassName)
	}
	return strings.Join(names, " or ")
}

func quoted(products []string) string {
	var list []string
	for _, p := range products {
		list = append(list, fmt.Sprintf("%q", p))
	}
	return strings.Join(list, " or ")
}

// plain leaves out what drivers, labels and people write differently: "NVIDIA L40S" is "nvidia-l40s".
func plain(product string) string {
	return strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(product))
}
