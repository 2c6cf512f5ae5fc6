package harness

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"aircache.dev/aircache/api/v1alpha1"
)

// ReadDeployment reads one AirCacheDeployment with a model image from a manifest.
func ReadDeployment(file string) (*v1alpha1.AirCacheDeployment, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	object := &v1alpha1.AirCacheDeployment{}
	if err := yaml.UnmarshalStrict(raw, object); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if object.Spec.Model.Image == nil {
		return nil, fmt.Errorf("reading %s: spec.model.image is not set", file)
	}
	return object, nil
}

// Apply creates or changes an object as `kubectl apply --server-side` does.
func (c *Cluster) Apply(ctx context.Context, object *v1alpha1.AirCacheDeployment) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return fmt.Errorf("applying %s: %w", object.Name, err)
	}
	delete(fields, "status")
	wanted := &unstructured.Unstructured{Object: fields}
	wanted.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AirCacheDeployment"))
	wanted.SetManagedFields(nil)
	wanted.SetResourceVersion("")
	wanted.SetUID("")
	if err := c.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(wanted), client.FieldOwner("aircache-e2e"), client.ForceOwnership); err != nil {
		return fmt.Errorf("applying %s: %w", object.Name, err)
	}
	return nil
}

// ChartValues are the chart's values for two images given as repository:tag.
func ChartValues(operatorImage, runtimeImage string) (map[string]string, error) {
	colon := strings.LastIndex(operatorImage, ":")
	if colon <= strings.LastIndex(operatorImage, "/") {
		return nil, fmt.Errorf("the operator's image %q has no tag", operatorImage)
	}
	return map[string]string{
		"image.repository": operatorImage[:colon], "image.tag": operatorImage[colon+1:], "runtimeImage": runtimeImage,
	}, nil
}

// WaitGone waits until the object and everything that carries its label are gone.
func (c *Cluster) WaitGone(ctx context.Context, object *v1alpha1.AirCacheDeployment) error {
	var left []string
	err := wait.PollUntilContextTimeout(ctx, 250*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		left, err = c.Children(ctx, client.ObjectKeyFromObject(object))
		if err != nil {
			return false, err
		}
		err = c.Get(ctx, client.ObjectKeyFromObject(object), &v1alpha1.AirCacheDeployment{})
		if err != nil && !apierrors.IsNotFound(err) {
			return false, err
		}
		return apierrors.IsNotFound(err) && len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("waiting until %s is gone (left: %s): %w", object.Name, strings.Join(left, ", "), err)
	}
	return nil
}

// Children names everything in the namespace that carries the deployment's label.
func (c *Cluster) Children(ctx context.Context, key client.ObjectKey) ([]string, error) {
	var names []string
	for kind, list := range map[string]client.ObjectList{
		"Deployment": &appsv1.DeploymentList{}, "ControllerRevision": &appsv1.ControllerRevisionList{},
		"PodDisruptionBudget": &policyv1.PodDisruptionBudgetList{}, "NetworkPolicy": &networkingv1.NetworkPolicyList{}, "ReplicaSet": &appsv1.ReplicaSetList{}, "Pod": &corev1.PodList{},
		"Service": &corev1.ServiceList{}, "ConfigMap": &corev1.ConfigMapList{},
	} {
		if err := c.List(ctx, list, client.InNamespace(key.Namespace), client.MatchingLabels{"aircache.dev/deployment": key.Name}); err != nil {
			return nil, fmt.Errorf("listing what %s owns: %w", key.Name, err)
		}
		items, err := apimeta.ExtractList(list)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			names = append(names, kind+"/"+item.(client.Object).GetName())
		}
	}
	sort.Strings(names)
	return names, nil
}

// DeleteCRDs removes the project's kinds, which Helm leaves behind.
func (c *Cluster) DeleteCRDs(ctx context.Context) error {
	var crds apiextensionsv1.CustomResourceDefinitionList
	if err := c.List(ctx, &crds); err != nil {
		return fmt.Errorf("listing CRDs: %w", err)
	}
	for i := range crds.Items {
		if crds.Items[i].Spec.Group != v1alpha1.GroupVersion.Group {
			continue
		}
		if err := client.IgnoreNotFound(c.Delete(ctx, &crds.Items[i])); err != nil {
			return fmt.Errorf("deleting CRD %s: %w", crds.Items[i].Name, err)
		}
	}
	return nil
}
