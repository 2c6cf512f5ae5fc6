package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"aircache.dev/aircache/api/v1alpha1"
	"aircache.dev/aircache/hack/lab/audit"
)

const (
	// Namespace holds the objects under test.
	Namespace = "aircache-test"
	// operatorNamespace and operatorAccount are those of config/rbac.
	operatorNamespace = "aircache-system"
	operatorAccount   = "aircache-operator"
)

// OperatorUser is the operator as the audit log names it.
var OperatorUser = audit.ServiceAccount(operatorNamespace, operatorAccount)

// Rig is a lab that is ready for the operator.
type Rig struct {
	Client client.Client // the admin's, without a cache and without a pace
	Config *rest.Config
	Repo   string // root of the repository
	Dir    string // scratch, and the operators' logs
	LabDir string

	kubeconfig string // of the operator's service account
	key        string // file with the key that signs directives

	requests struct {
		sync.Mutex
		log audit.Follower
		own []audit.Request
	}
}

// Connect finds the lab that the program runs in.
func Connect(repo, dir string) (*Rig, error) {
	labDir := os.Getenv("LAB_DIR")
	if labDir == "" {
		return nil, errors.New("finding the lab: LAB_DIR is not set, run this with make scale or make chaos")
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, fmt.Errorf("finding the lab: %w", err)
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("registering types: %w", err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return &Rig{Client: c, Config: config, Repo: repo, Dir: dir, LabDir: labDir}, nil
}

// Prepare installs the types and the operator's rights, and replaces the lab's node by nodes for so many pretended pods.
func (r *Rig) Prepare(ctx context.Context, pods int) error {
	for _, path := range []string{"config/manager/namespace.yaml", "config/crd", "config/rbac"} {
		if err := kubectl(ctx, "apply", "--server-side", "-f", filepath.Join(r.Repo, path)); err != nil {
			return err
		}
	}
	if err := kubectl(ctx, "wait", "--for=condition=Established", "--timeout=60s", "-f", filepath.Join(r.Repo, "config/crd")); err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if err := r.Client.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating namespace %s: %w", Namespace, err)
	}
	if err := kubectl(ctx, "delete", "node", "--all"); err != nil { // pods there have addresses that nobody can play
		return err
	}
	for i := range pods/podsPerNode + 2 {
		n := node(i)
		if err := r.Client.Create(ctx, n); err != nil {
			return fmt.Errorf("creating a node: %w", err)
		}
		// The API server taints a new node until a controller says that it is ready; that controller is off (see hack/lab.mk).
		if err := r.Client.Patch(ctx, n, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"taints":null}}`))); err != nil {
			return fmt.Errorf("letting pods onto a node: %w", err)
		}
	}
	if err := r.makeKey(ctx); err != nil {
		return err
	}
	return r.writeKubeconfig(ctx, r.Config.Host)
}

// podsPerNode leaves room in a node's 254 addresses for pods on their way out.
const podsPerNode = 160

// node takes its pods' addresses from 127.83.i.0/24, which the fleet can listen on.
func node(i int) *corev1.Node {
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1000"), corev1.ResourceMemory: resource.MustParse("4Ti"),
		corev1.ResourcePods: resource.MustParse(fmt.Sprint(podsPerNode)), v1alpha1.DefaultResourceName: resource.MustParse("1000"),
	}
	name := fmt.Sprintf("pretended-%d", i)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
			Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64", "type": "kwok"},
		},
		Spec:   corev1.NodeSpec{PodCIDR: fmt.Sprintf("127.83.%d.0/24", i), PodCIDRs: []string{fmt.Sprintf("127.83.%d.0/24", i)}},
		Status: corev1.NodeStatus{Capacity: room, Allocatable: room},
	}
}

// makeKey is what the chart does once: every pod knows the public half, and takes only what was signed.
func (r *Rig) makeKey(ctx context.Context) error {
	r.key = filepath.Join(r.Dir, "current.pem")
	if output, err := exec.CommandContext(ctx, filepath.Join(r.Repo, "bin/aircache-operator"), "keygen", "--dir", r.Dir).CombinedOutput(); err != nil {
		return fmt.Errorf("making the key of directives: %w: %s", err, output)
	}
	return nil
}

func kubectl(ctx context.Context, args ...string) error {
	if output, err := exec.CommandContext(ctx, "kubectl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("running kubectl %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}

// writeKubeconfig gives operators a token of their service account: RBAC and the audit log see them as in a cluster.
func (r *Rig) writeKubeconfig(ctx context.Context, server string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: operatorAccount}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](24 * 3600)}}
	if err := r.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return fmt.Errorf("asking for the operator's token: %w", err)
	}
	authority := r.Config.CAData
	if len(authority) == 0 {
		var err error
		if authority, err = os.ReadFile(r.Config.CAFile); err != nil {
			return fmt.Errorf("reading the authority: %w", err)
		}
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["lab"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: authority}
	config.AuthInfos["operator"] = &clientcmdapi.AuthInfo{Token: request.Status.Token}
	config.Contexts["lab"] = &clientcmdapi.Context{Cluster: "lab", AuthInfo: "operator", Namespace: operatorNamespace}
	config.CurrentContext = "lab"
	r.kubeconfig = filepath.Join(r.Dir, "operator.kubeconfig")
	if err := clientcmd.WriteToFile(*config, r.kubeconfig); err != nil {
		return fmt.Errorf("writing the operator's kubeconfig: %w", err)
	}
	return nil
}

// Through sends operators that start from now on to another address of the API server, such as a Proxy's.
func (r *Rig) Through(ctx context.Context, address string) error {
	return r.writeKubeconfig(ctx, "https://"+address)
}

// ModelDigest is a model image that no pretended node pulls.
var ModelDigest = "registry.local/model@sha256:" + strings.Repeat("a", 64)

// RuntimeImage is a runtime image by digest, another one for each letter.
func RuntimeImage(letter string) string {
	return "registry.local/aircache@sha256:" + strings.Repeat(letter, 64)
}

// Object is an AirCacheDeployment with one CPU pool that the tuner looks at each interval.
func Object(name string, replicas int32, edits ...func(*v1alpha1.AirCacheDeployment)) *v1alpha1.AirCacheDeployment {
	d := &v1alpha1.AirCacheDeployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name},
		Spec: v1alpha1.AirCacheDeploymentSpec{
			Model:      v1alpha1.ModelSpec{Image: &v1alpha1.ImageSource{Reference: ModelDigest}},
			GPUTypes:   []v1alpha1.GPUType{{Name: "cpu", Count: ptr.To[int32](0)}},
			Replicas:   ptr.To(replicas),
			Objectives: &v1alpha1.ObjectivesSpec{KVUtilizationPercent: ptr.To[int32](80)},
		},
	}
	for _, edit := range edits {
		edit(d)
	}
	return d
}

// Requests that the operator has made so far, by the audit log.
func (r *Rig) Requests() ([]audit.Request, error) {
	r.requests.Lock()
	defer r.requests.Unlock()
	r.requests.log.File = audit.File(r.LabDir)
	more, err := r.requests.log.Next()
	if err != nil {
		return nil, err
	}
	for _, request := range more {
		if request.User == OperatorUser {
			r.requests.own = append(r.requests.own, request)
		}
	}
	return slices.Clone(r.requests.own), nil
}

// IsWrite tells whether a request changes an object; the lease of leader election is renewed all the time and does not count.
func IsWrite(r audit.Request) bool {
	switch r.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return r.Resource != "leases"
	}
	return false
}
