package render

import "aircache.dev/aircache/runtime/control"

// Operator is what the operator's own installation brings into the children, beside the object's spec. An upgrade of the operator or a
// rotation of its keys changes it and must not roll pods by that: whoever decides whether a pod template has to change compares what
// spec asks for, not this. Pods that keep the older keys are not lost, for the next key was among them.
type Operator struct {
	RuntimeImage string                               // for objects that name none
	PublicKeys   []string                             // whose directives a pod applies: the current key's and the next one's
	Sign         func(control.Tuning) ([]byte, error) // the same bytes for the same tuning
}
