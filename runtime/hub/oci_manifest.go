package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Docker's names for what OCI has taken over.
const (
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// Annotations that give a blob a file's name: OCI's own, which ORAS writes, and that of CNCF ModelPack.
const modelPackName = "org.cncf.model.filepath"

const maxLayers = 4096

func isIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == dockerIndex
}

// choosePlatform gives the digest of the manifest to take: this platform's, or the only one. A model is the same on all of them.
func choosePlatform(text []byte) (string, error) {
	var index ocispec.Index
	if err := json.Unmarshal(text, &index); err != nil {
		return "", fmt.Errorf("reading the index: %w", err)
	}
	var platforms, images []string
	for _, m := range index.Manifests {
		name := "any"
		if m.Platform != nil {
			name = m.Platform.OS + "/" + m.Platform.Architecture
		}
		if m.Platform != nil && m.Platform.OS == "unknown" { // what a build attests about another one
			continue
		}
		if !digestName.MatchString(m.Digest.String()) {
			return "", fmt.Errorf("reading the index: a digest is %.80q, sha256: and 64 hexadecimal digits are wanted", m.Digest)
		}
		if name == "linux/"+runtime.GOARCH {
			return m.Digest.String(), nil
		}
		platforms, images = append(platforms, name), append(images, m.Digest.String())
	}
	switch len(images) {
	case 0:
		return "", errors.New("the index holds no image")
	case 1:
		return images[0], nil
	}
	return "", fmt.Errorf("the index has images for %s, none for linux/%s: name the digest of one", strings.Join(platforms, ", "), runtime.GOARCH)
}

// readManifestOCI tells what an image or artifact holds: files of their own, where blobs have file names, else layers of tar. It
// checks what a server says before anything of it names a file.
func readManifestOCI(text []byte) (listing, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return listing{}, fmt.Errorf("reading the manifest: %w", err)
	}
	switch {
	case m.MediaType != "" && m.MediaType != ocispec.MediaTypeImageManifest && m.MediaType != dockerManifest:
		return listing{}, fmt.Errorf("reading the manifest: its mediaType is %.80q, an image or artifact is wanted", m.MediaType)
	case len(m.Layers) > maxLayers:
		return listing{}, fmt.Errorf("reading the manifest: it has %d layers, the limit is %d", len(m.Layers), maxLayers)
	}
	var files, layers, others []file
	var kinds []string
	for i, d := range m.Layers {
		if !digestName.MatchString(d.Digest.String()) {
			return listing{}, fmt.Errorf("reading the manifest: the digest of layer %d is %.80q, sha256: and 64 hexadecimal digits are wanted", i, d.Digest)
		}
		f := file{name: fileName(d), key: d.Digest.String(), size: d.Size, digest: digest256(d.Digest.Encoded())}
		switch {
		case isTar(d):
			f.name = fmt.Sprintf("%04d-%s", i, d.Digest.Encoded())
			layers = append(layers, f)
		case f.name != "":
			files = append(files, f)
		default:
			others, kinds = append(others, f), append(kinds, d.MediaType)
		}
	}
	l := listing{files: files}
	if len(files) == 0 {
		l = listing{files: layers, layers: true}
	}
	if len(l.files) == 0 {
		return listing{}, fmt.Errorf("it holds neither files (blobs with the annotation %s) nor layers of tar, but %d blobs of other kinds: %.200q", ocispec.AnnotationTitle, len(others), slices.Compact(kinds))
	}
	return l, l.check()
}

func fileName(d ocispec.Descriptor) string {
	if name := d.Annotations[modelPackName]; name != "" {
		return strings.TrimPrefix(name, "./")
	}
	return strings.TrimPrefix(d.Annotations[ocispec.AnnotationTitle], "./")
}

// isTar tells layers from files by the media type; how a layer is compressed its first bytes tell.
func isTar(d ocispec.Descriptor) bool {
	kind := d.MediaType
	for _, compression := range []string{"gzip", "zstd"} {
		kind = strings.TrimSuffix(strings.TrimSuffix(kind, "+"+compression), "."+compression)
	}
	return strings.HasSuffix(kind, ".tar")
}

func digest256(hex string) digest { return digest{digestSHA256, hex} }
