package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"aircache.dev/aircache/hack/lab/oci"
)

// imageCommand writes an image and prints its reference by digest.
func imageCommand(args []string) error {
	spec, output, err := parseImage(args)
	if err != nil {
		return err
	}
	reference, err := oci.Build(spec, output)
	if err != nil {
		return fmt.Errorf("building image %s: %w", spec.Name, err)
	}
	fmt.Fprintln(os.Stdout, reference)
	return nil
}

func parseImage(args []string) (oci.Spec, string, error) {
	var spec oci.Spec
	var files, dirs, binaries repeated
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&spec.Name, "name", "", "name:tag of the image, such as registry.local/aircache:v1")
	output := flags.String("o", "", "tar to write")
	flags.StringVar(&spec.User, "user", "65532:65532", "uid:gid that the program runs as")
	flags.Var((*repeated)(&spec.Entrypoint), "entrypoint", "program to run and, repeated, its arguments; none for an image volume")
	flags.Var((*repeated)(&spec.Env), "env", "NAME=value in the program's environment (repeatable)")
	flags.Var(&files, "file", "source[=/place] of a file (repeatable)")
	flags.Var(&dirs, "dir", "source[=/place] of a whole folder (repeatable)")
	flags.Var(&binaries, "ldd", "source[=/place] of a program, with the libraries that it links to (repeatable)")
	flags.Var((*repeated)(&spec.Libraries), "lib", "soname or path of a library that is opened at run time, with its own (repeatable)")
	if err := flags.Parse(args); err != nil {
		return spec, "", err
	}
	if flags.NArg() > 0 {
		return spec, "", fmt.Errorf("reading arguments: %q is not a flag", flags.Arg(0))
	}
	if *output == "" {
		return spec, "", errors.New("reading arguments: -o is missing")
	}
	spec.Files, spec.Dirs, spec.Binaries = copies(files), copies(dirs), copies(binaries)
	return spec, *output, nil
}

func copies(list []string) []oci.Copy {
	var out []oci.Copy
	for _, s := range list {
		out = append(out, oci.ParseCopy(s))
	}
	return out
}
