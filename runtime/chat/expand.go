package chat

import "fmt"

// ExpandImages repeats each picture's placeholder as often as the picture has tokens: counts[i] is that of the i-th.
// A conversation whose text itself holds the placeholder has more of them than pictures, which is an error.
func ExpandImages(ids []int32, imageToken int32, counts []int) ([]int32, error) {
	found, total := 0, len(ids)
	for _, id := range ids {
		if id == imageToken {
			found++
		}
	}
	if found != len(counts) {
		return nil, fmt.Errorf("expanding pictures: the prompt holds %d picture placeholders for %d pictures", found, len(counts))
	}
	for i, n := range counts {
		if n < 1 {
			return nil, fmt.Errorf("expanding pictures: picture %d has %d tokens, expected at least 1", i, n)
		}
		total += n - 1
	}
	out := make([]int32, 0, total)
	for _, id := range ids {
		if id != imageToken {
			out = append(out, id)
			continue
		}
		for range counts[0] {
			out = append(out, imageToken)
		}
		counts = counts[1:]
	}
	return out, nil
}
