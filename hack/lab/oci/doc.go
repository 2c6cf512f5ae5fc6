// Package oci writes one-layer container images as OCI layout tars that
// `ctr images import` reads. No container engine is involved.
//
// The same input gives the same bytes: entries are sorted, owned by root and
// dated 1970, and layers are not compressed, so an image can be named by its
// digest. Images without an entrypoint serve as image volumes (models).
package oci
