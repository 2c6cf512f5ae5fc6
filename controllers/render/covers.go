package render

import (
	"reflect"
)

// wholes are fields that count as one value: one more label in a Service's selector loses it every pod, one more port in a rule of a
// NetworkPolicy opens it.
var wholes = map[string]bool{"selector": true, "nodeSelector": true, "matchLabels": true, "ingress": true, "egress": true}

// Covers tells whether live has every field of wanted with its value; fields that wanted does not name belong to others (defaults of
// the API server, foreign labels), but for wholes. Objects in lists are found by their key (name, uid, containerPort, port), as the API server merges
// them; other lists must be equal in length and order.
func Covers(live, wanted any) bool {
	switch wanted := wanted.(type) {
	case map[string]any:
		live, ok := live.(map[string]any)
		if !ok {
			return false
		}
		for key, field := range wanted {
			have, exists := live[key]
			if !exists || wholes[key] && !reflect.DeepEqual(have, field) || !wholes[key] && !Covers(have, field) {
				return false
			}
		}
		return true
	case []any:
		live, ok := live.([]any)
		return ok && coversList(live, wanted)
	default:
		return reflect.DeepEqual(live, wanted)
	}
}

func coversList(live, wanted []any) bool {
	key := mergeKey(wanted)
	if key == "" && len(live) != len(wanted) {
		return false
	}
	for i, item := range wanted {
		if key == "" {
			if !Covers(live[i], item) {
				return false
			}
			continue
		}
		if have := find(live, key, item.(map[string]any)[key]); have == nil || !Covers(have, item) {
			return false
		}
	}
	return true
}

// mergeKey is the field that names the items of a list, or "" when some item has none.
func mergeKey(list []any) string {
	for _, key := range []string{"name", "uid", "containerPort", "port"} {
		all := len(list) > 0
		for _, item := range list {
			m, ok := item.(map[string]any)
			all = all && ok && m[key] != nil
		}
		if all {
			return key
		}
	}
	return ""
}

func find(list []any, key string, value any) any {
	for _, item := range list {
		if m, ok := item.(map[string]any); ok && reflect.DeepEqual(m[key], value) {
			return m
		}
	}
	return nil
}
