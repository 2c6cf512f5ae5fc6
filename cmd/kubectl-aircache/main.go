// Command kubectl-aircache is a kubectl plugin: `kubectl aircache status NAME` says what an AirCacheDeployment does and why. It reads the
// object and nothing else.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
)

// version is set by the build.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "kubectl aircache: "+err.Error())
		os.Exit(1)
	}
}

// flags are those of kubectl that choose a cluster and a namespace.
type flags struct{ kubeconfig, context, namespace string }

func root() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "kubectl-aircache", Short: "Say what AirCacheDeployments do and why", Version: version,
		SilenceUsage: true, SilenceErrors: true,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl aircache"},
	}
	set := cmd.PersistentFlags()
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "path of the kubeconfig; KUBECONFIG or ~/.kube/config when empty")
	set.StringVar(&f.context, "context", "", "context of the kubeconfig; its current one when empty")
	set.StringVarP(&f.namespace, "namespace", "n", "", "namespace; the context's when empty")
	cmd.AddCommand(&cobra.Command{
		Use: "status NAME", Short: "Pools, retention, conditions and the newest decisions of the tuner with their numbers",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := f.get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return writeStatus(cmd.OutOrStdout(), d, time.Now())
		},
	})
	return cmd
}

// get reads one object with the rights of the user.
func (f *flags) get(ctx context.Context, name string) (*v1alpha1.AirCacheDeployment, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.context})
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w", err)
	}
	namespace := f.namespace
	if namespace == "" {
		if namespace, _, err = loader.Namespace(); err != nil {
			return nil, fmt.Errorf("finding the namespace: %w", err)
		}
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", config.Host, err)
	}
	d := &v1alpha1.AirCacheDeployment{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, d); err != nil {
		return nil, fmt.Errorf("getting AirCacheDeployment %s in namespace %s: %w", name, namespace, err)
	}
	return d, nil
}
