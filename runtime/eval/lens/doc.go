// Package lens shows which patches of a picture a policy keeps: kept ones bright, evicted ones dimmed, layer by layer and summed.
package lens
