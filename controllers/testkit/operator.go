package testkit

import (
	"context"
	"os"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// OperatorConfig is a connection with the rights of config/rbac/role.yaml and no others.
func (e *Env) OperatorConfig(ctx context.Context) *rest.Config {
	ginkgo.GinkgoHelper()
	content, err := os.ReadFile(RepositoryPath("config", "rbac", "role.yaml"))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	role := &rbacv1.ClusterRole{}
	gomega.Expect(yaml.UnmarshalStrict(content, role)).To(gomega.Succeed())
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role.Name}},
	}
	for _, o := range []client.Object{role, binding} {
		gomega.Expect(client.IgnoreAlreadyExists(e.Client.Create(ctx, o))).To(gomega.Succeed())
	}
	user, err := e.server.AddUser(envtest.User{Name: role.Name}, e.Config)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return user.Config()
}
