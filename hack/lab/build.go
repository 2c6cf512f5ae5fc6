package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"aircache.dev/aircache/hack/lab/build"
	"aircache.dev/aircache/hack/lab/cluster"
	"aircache.dev/aircache/hack/lab/oci"
)

// buildCommand compiles groups of programs, and what belongs to them.
func buildCommand(args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	repo := flags.String("repo", ".", "root of the repository")
	if err := flags.Parse(args); err != nil {
		return err
	}
	groups := flags.Args()
	if len(groups) == 0 {
		groups = []string{string(build.All)}
	}
	root, err := filepath.Abs(*repo)
	if err != nil {
		return fmt.Errorf("finding the repository: %w", err)
	}
	out, err := binFolder()
	if err != nil {
		return err
	}
	list, err := build.Select(groups...)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if list, err = withoutImpossible(ctx, list); err != nil {
		return err
	}
	builder := &build.Builder{Repo: root, Out: out, Log: os.Stderr, Now: time.Now}
	if err := builder.Build(ctx, list); err != nil {
		return err
	}
	return buildData(ctx, builder, list)
}

func has(list []build.Program, name string) bool {
	return slices.ContainsFunc(list, func(p build.Program) bool { return p.Name == name })
}

// withoutImpossible leaves out runc, and says so, where its C library is missing
// and cannot be installed: the control plane and KWOK work all the same.
func withoutImpossible(ctx context.Context, list []build.Program) ([]build.Program, error) {
	if !has(list, "runc") {
		return list, nil
	}
	err := build.InstallPackages(ctx, os.Stderr)
	if !errors.Is(err, build.ErrPackages) {
		return list, err
	}
	fmt.Fprintf(os.Stderr, "lab: WARNING: %v\nlab: WARNING: building without runc: NO REAL NODE, no container will run\n", err)
	return slices.DeleteFunc(list, func(p build.Program) bool { return p.CGO }), nil
}

// buildData makes what is not compiled: KWOK's stages, Karpenter's types and the sandbox image.
func buildData(ctx context.Context, builder *build.Builder, list []build.Program) error {
	if has(list, "kwok") {
		if err := builder.WriteStages(ctx); err != nil {
			return err
		}
	}
	if has(list, "karpenter") {
		if err := builder.WriteKarpenterCRDs(ctx); err != nil {
			return err
		}
	}
	if !has(list, "pause") {
		return nil
	}
	_, err := oci.Build(oci.Spec{
		Name: cluster.PauseImage, Entrypoint: []string{"/pause"}, User: "65532:65532",
		Files: []oci.Copy{{Source: filepath.Join(builder.Out, "pause"), Target: "/pause"}},
	}, filepath.Join(builder.Out, cluster.PauseTar))
	return err
}
