package oci

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	mediaIndex    = "application/vnd.oci.image.index.v1+json"
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaConfig   = "application/vnd.oci.image.config.v1+json"
	mediaLayer    = "application/vnd.oci.image.layer.v1.tar"
	// The name that containerd gives to an imported image.
	annotationName = "io.containerd.image.name"
	// The name by which skopeo and podman choose among the archive's images (oci-archive:FILE:NAME).
	annotationReference = "org.opencontainers.image.ref.name"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *platform         `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type imageConfig struct {
	Created string `json:"created"`
	platform
	Config struct {
		Entrypoint []string `json:",omitempty"`
		User       string   `json:",omitempty"`
		Env        []string `json:",omitempty"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// Build writes the image as a tar and returns its reference by digest, name@sha256:...
// The tar appears only when it is complete.
func Build(s Spec, output string) (reference string, err error) {
	if err := s.Normalize(); err != nil {
		return "", err
	}
	list, err := entries(s)
	if err != nil {
		return "", err
	}
	layer, err := os.CreateTemp(filepath.Dir(output), ".layer-*")
	if err != nil {
		return "", fmt.Errorf("creating the layer: %w", err)
	}
	defer os.Remove(layer.Name())
	defer layer.Close()
	sum := sha256.New()
	if err := writeLayer(io.MultiWriter(layer, sum), list); err != nil {
		return "", fmt.Errorf("writing the layer: %w", err)
	}
	size, err := layer.Seek(0, io.SeekEnd)
	if err != nil {
		return "", fmt.Errorf("measuring the layer: %w", err)
	}
	layerDescriptor := descriptor{MediaType: mediaLayer, Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Size: size}
	documents, reference, err := describe(s, layerDescriptor)
	if err != nil {
		return "", err
	}
	return reference, writeLayout(output, layer, layerDescriptor, documents)
}

// document is a small file of the layout.
type document struct {
	path    string
	content []byte
}

// describe makes config, manifest and index. The index names the manifest twice:
// by tag and by digest, for importing creates only the names that it reads there.
func describe(s Spec, layer descriptor) ([]document, string, error) {
	var config imageConfig
	config.Created = "1970-01-01T00:00:00Z"
	config.platform = platform{s.Architecture, "linux"}
	config.Config.Entrypoint, config.Config.User, config.Config.Env = s.Entrypoint, s.User, environment(s)
	config.RootFS.Type, config.RootFS.DiffIDs = "layers", []string{layer.Digest}
	configBytes, configDescriptor, err := encode(mediaConfig, config)
	if err != nil {
		return nil, "", err
	}
	manifestBytes, named, err := encode(mediaManifest, manifest{2, mediaManifest, configDescriptor, []descriptor{layer}})
	if err != nil {
		return nil, "", err
	}
	name, _, err := splitTag(s.Name)
	if err != nil {
		return nil, "", err
	}
	reference := name + "@" + named.Digest
	named.Platform = &config.platform
	byTag, byDigest := named, named
	byTag.Annotations = map[string]string{annotationName: s.Name, annotationReference: s.Name}
	byDigest.Annotations = map[string]string{annotationName: reference}
	indexBytes, _, err := encode(mediaIndex, index{2, mediaIndex, []descriptor{byTag, byDigest}})
	if err != nil {
		return nil, "", err
	}
	return []document{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", indexBytes},
		{blobPath(configDescriptor.Digest), configBytes},
		{blobPath(named.Digest), manifestBytes},
	}, reference, nil
}

func environment(s Spec) []string {
	env := slices.Clone(s.Env)
	if len(s.Entrypoint) > 0 {
		env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin:/"}, env...)
	}
	if len(s.Binaries)+len(s.Libraries) > 0 {
		const name = "LD_LIBRARY_PATH="
		if i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, name) }); i >= 0 {
			env[i] = name + libraryFolder + ":" + strings.TrimPrefix(env[i], name) // behind what the image brings
		} else {
			env = append(env, name+libraryFolder)
		}
	}
	return env
}

func encode(mediaType string, v any) ([]byte, descriptor, error) {
	content, err := json.Marshal(v)
	if err != nil {
		return nil, descriptor{}, fmt.Errorf("encoding %s: %w", mediaType, err)
	}
	sum := sha256.Sum256(content)
	return content, descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(content))}, nil
}

func blobPath(digest string) string { return "blobs/sha256/" + digest[len("sha256:"):] }

func writeLayout(output string, layer io.ReadSeeker, d descriptor, documents []document) (err error) {
	file, err := os.Create(output + ".part")
	if err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err == nil {
			err = os.Rename(file.Name(), output)
		} else {
			os.Remove(file.Name())
		}
	}()
	out := tar.NewWriter(file)
	for _, doc := range documents {
		if err := writeFile(out, blobHeader(doc.path, int64(len(doc.content))), bytes.NewReader(doc.content)); err != nil {
			return fmt.Errorf("writing %s: %w", doc.path, err)
		}
	}
	if _, err := layer.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the layer: %w", err)
	}
	if err := writeFile(out, blobHeader(blobPath(d.Digest), d.Size), layer); err != nil {
		return fmt.Errorf("writing the layer: %w", err)
	}
	return out.Close()
}

func blobHeader(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: epoch}
}
