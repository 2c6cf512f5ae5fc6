package cuda

import "testing"

// Root and Devices are for tests of whole models, which lie outside of the package.
func Root() string                           { return root() }
func Devices(t *testing.T) map[string]string { return devices(t) }
