package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/e2e/metricsapi"
)

// externalMetrics names what ServeExternalMetrics makes.
const externalMetrics = "aircache-e2e-external-metrics"

// ServeExternalMetrics gives the lab's HPAs the operator's metrics: it registers metricsapi with the API server, which calls this
// process, and lets the controller of HPAs read it, as an installation of prometheus-adapter would.
func (c *Cluster) ServeExternalMetrics(ctx context.Context, operator client.ObjectKey, metrics ...string) (stop func(context.Context) error, err error) {
	page := c.proxied("namespaces", operator.Namespace, "services", operator.Name+":metrics", "proxy", "metrics")
	host := fmt.Sprintf("%s.%s.svc", externalMetrics, operator.Namespace)
	bundle, key, err := cert.GenerateSelfSignedCertKey(host, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	listener, err := c.listenForAPIServer(bundle, key)
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: &metricsapi.Handler{Metrics: metrics, Clock: clock.RealClock{}, Page: func(ctx context.Context) (io.ReadCloser, error) {
			return c.get(ctx, page)
		}},
	}
	go func() { _ = server.Serve(listener) }() // it ends with stop
	objects := registration(operator.Namespace, int64(listener.Addr().(*net.TCPAddr).Port), bundle)
	stop = func(ctx context.Context) error {
		var errs []error
		for _, o := range objects {
			errs = append(errs, client.IgnoreNotFound(c.Delete(ctx, o)))
		}
		return errors.Join(append(errs, server.Close())...)
	}
	for _, o := range objects {
		if err := c.Create(ctx, o); err != nil {
			return nil, errors.Join(fmt.Errorf("registering external.metrics.k8s.io: %w", err), stop(ctx))
		}
	}
	return stop, nil
}

// listenForAPIServer lets in who has the certificate of the aggregation layer.
func (c *Cluster) listenForAPIServer(certificate, key []byte) (net.Listener, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	config := rest.CopyConfig(c.config)
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, fmt.Errorf("reading the cluster's authority: %w", err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(config.CAData) {
		return nil, errors.New("reading the cluster's authority: there is none")
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority,
		VerifyConnection: func(s tls.ConnectionState) error {
			if name := s.PeerCertificates[0].Subject.CommonName; name != "front-proxy-client" {
				return fmt.Errorf("%q is not the API server", name)
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("listening for the API server: %w", err)
	}
	return listener, nil
}

func (c *Cluster) get(ctx context.Context, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("asking %s: %s", url, answer.Status)
	}
	return answer.Body, nil
}

// registration are the objects that send external.metrics.k8s.io to a port of this machine, and the right of the controller of HPAs.
func registration(namespace string, port int64, bundle []byte) []client.Object {
	meta := metav1.ObjectMeta{Name: externalMetrics}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"}}
	service.Namespace = namespace
	api := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": "v1beta1.external.metrics.k8s.io"},
		"spec": map[string]any{
			"group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": int64(100), "versionPriority": int64(100),
			"service": map[string]any{"namespace": namespace, "name": externalMetrics, "port": port}, "caBundle": base64.StdEncoding.EncodeToString(bundle),
		},
	}}
	return []client.Object{
		service, api,
		&rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"external.metrics.k8s.io"}, Resources: []string{"*"}, Verbs: []string{"get", "list"}}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: externalMetrics},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceSystem, Name: "horizontal-pod-autoscaler"}},
		},
	}
}
