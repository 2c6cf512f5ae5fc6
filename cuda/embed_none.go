//go:build !embedcuda

package cuda

// embedded: this program was built without the library inside.
func embedded() (string, error) { return "", nil }
