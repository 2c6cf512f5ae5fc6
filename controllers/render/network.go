package render

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"aircache.dev/aircache/api/v1alpha1"
)

// NetworkPolicy is who may reach the pods, and what they may reach; nil with network.policy Off. Requests and metrics share port 8000, so
// whoever may scrape may ask. What pods may reach: see egress.
func NetworkPolicy(d *v1alpha1.AirCacheDeployment, operator Operator) *networkingv1.NetworkPolicy {
	if d.Spec.Network.Policy == v1alpha1.NetworkOff {
		return nil
	}
	askers := []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}} // of the object's namespace
	if l := d.Spec.Network.AllowFromNamespaceLabels; len(l) > 0 {
		askers = append(askers, networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: l}})
	}
	for _, name := range operator.AllowFrom {
		askers = append(askers, namespaceNamed(name))
	}
	ingress := []networkingv1.NetworkPolicyIngressRule{{From: askers, Ports: ports(corev1.ProtocolTCP, HTTPPort)}}
	if operator.Namespace != "" {
		ingress = append(ingress, networkingv1.NetworkPolicyIngressRule{
			From: []networkingv1.NetworkPolicyPeer{namespaceNamed(operator.Namespace)}, Ports: ports(corev1.ProtocolTCP, HTTPPort, ControlPort),
		})
	}
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: childMeta(d, NetworkPolicyName(d.Name), childLabels(d.Name)),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: PodSelector(d.Name)},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			Ingress:     ingress,
			Egress:      egress(&d.Spec.Model),
		},
	}
}

// egress is name resolution, and HTTP and HTTPS to the public Internet, where requests may name pictures. Pods that fetch their model use
// HTTPS with any address besides, for a hub or a store may be reached through a private one. A source that spec names may be a Service,
// whose port is another one at its pods, where policies look: such pods may use any TCP port.
func egress(m *v1alpha1.ModelSpec) []networkingv1.NetworkPolicyEgressRule {
	const dns, http, https = 53, 80, 443
	rules := []networkingv1.NetworkPolicyEgressRule{
		{Ports: append(ports(corev1.ProtocolUDP, dns), ports(corev1.ProtocolTCP, dns)...)},
		{Ports: ports(corev1.ProtocolTCP, http, https), To: []networkingv1.NetworkPolicyPeer{{IPBlock: public4()}, {IPBlock: public6()}}},
	}
	switch {
	case !IsFetched(m):
		return rules
	case hasEndpoint(m):
		return append(rules, networkingv1.NetworkPolicyEgressRule{Ports: []networkingv1.NetworkPolicyPort{{Protocol: ptr.To(corev1.ProtocolTCP)}}})
	}
	return append(rules, networkingv1.NetworkPolicyEgressRule{Ports: ports(corev1.ProtocolTCP, https)})
}

// public4 leaves out the private networks and the link-local one, where clouds answer for the node's identity.
func public4() *networkingv1.IPBlock {
	return &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{
		"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
	}}
}

func public6() *networkingv1.IPBlock {
	return &networkingv1.IPBlock{CIDR: "::/0", Except: []string{"::1/128", "fc00::/7", "fe80::/10"}}
}

func hasEndpoint(m *v1alpha1.ModelSpec) bool {
	return m.HuggingFace != nil && m.HuggingFace.Endpoint != "" || m.S3 != nil && m.S3.Endpoint != ""
}

func namespaceNamed(name string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: name}}}
}

func ports(protocol corev1.Protocol, numbers ...int32) []networkingv1.NetworkPolicyPort {
	var list []networkingv1.NetworkPolicyPort
	for _, n := range numbers {
		list = append(list, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: ptr.To(intstr.FromInt32(n))})
	}
	return list
}
