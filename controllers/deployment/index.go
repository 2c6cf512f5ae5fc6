package deployment

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/controllers/render"
)

// objectIndex finds the children of an object in the cache by their label.
const objectIndex = "aircache.dev/deployment"

// Index has the cache keep its children and pods by the object that they belong to.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	byObject := func(o client.Object) []string { return []string{o.GetLabels()[render.LabelDeployment]} }
	for _, kind := range []client.Object{&corev1.Pod{}, &appsv1.Deployment{}, &appsv1.ControllerRevision{}} {
		if err := indexer.IndexField(ctx, kind, objectIndex, byObject); err != nil {
			return fmt.Errorf("indexing %T by object: %w", kind, err)
		}
	}
	return nil
}

// NewClient is for manager.Options: it reads from the cache as Indexed does.
func NewClient(config *rest.Config, options client.Options) (client.Client, error) {
	if options.Cache != nil {
		options.Cache.Reader = Indexed(options.Cache.Reader)
	}
	return client.New(config, options)
}

// Indexed is a cache that answers what Index prepared from there: a list by the label of one object does not look at the children of all.
func Indexed(cache client.Reader) client.Reader { return indexed{cache} }

type indexed struct{ client.Reader }

func (i indexed) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	switch list.(type) {
	case *corev1.PodList, *appsv1.DeploymentList, *appsv1.ControllerRevisionList:
		if name := objectOf(options); name != "" {
			options = append(options[:len(options):len(options)], client.MatchingFields{objectIndex: name})
		}
	}
	return i.Reader.List(ctx, list, options...)
}

// objectOf is the object to whose label a list is bound, "" when it is not.
func objectOf(options []client.ListOption) string {
	asked := (&client.ListOptions{}).ApplyOptions(options)
	if asked.LabelSelector == nil || asked.FieldSelector != nil {
		return ""
	}
	requirements, _ := asked.LabelSelector.Requirements()
	for _, r := range requirements {
		if r.Key() == render.LabelDeployment && (r.Operator() == selection.Equals || r.Operator() == selection.In) && r.Values().Len() == 1 {
			return r.Values().UnsortedList()[0]
		}
	}
	return ""
}
