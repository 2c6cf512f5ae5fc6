// Command aircache is the runtime: it serves a vision-language model whose KV
// cache is compressed, or answers one question and ends.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
)

// untagged is the version of a build that was told none.
const untagged = "devel"

// version is set by the build.
var version = untagged

func main() {
	if err := root().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "aircache: "+err.Error())
		os.Exit(exitCode(err))
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "aircache",
		Short:         "Serve a vision-language model with a compressed KV cache",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetFlagErrorFunc(explainFlag)
	cmd.AddCommand(serveCommand(), generateCommand(), pullCommand(), planCommand(), evalCommand(), lensCommand(), benchCommand(), versionCommand())
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "aircache %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}
