package fetch

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

// guard judges the address of a connection just before the first packet is sent.
type guard struct {
	public   *ssrf.Guardian
	networks []netip.Prefix
}

func newGuard(networks []netip.Prefix) guard { return guard{ssrf.New(), networks} }

// control is a net.Dialer's Control: address is what will be connected to, whatever name it came from.
func (g guard) control(network, address string, c syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &RefusedError{fmt.Sprintf("%q is no address", address)}
	}
	for _, n := range g.networks {
		if n.Contains(to.Addr().Unmap()) {
			return nil
		}
	}
	if err := g.public.Safe(network, address, c); err != nil {
		return &RefusedError{"its host is not on the public Internet, or its port is neither 80 nor 443"}
	}
	return nil
}

// ParseNetworks reads networks as "10.1.0.0/16", for [Options.Networks].
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		n, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%q is no network such as 10.1.0.0/16", text)
		}
		if n.Masked() != n {
			return nil, fmt.Errorf("%q has bits behind its length; did you mean %s?", text, n.Masked())
		}
		list = append(list, n)
	}
	return list, nil
}

// ParseDomains reads host names for [Options.Domains]: in lower case, without the dot that a name may begin or end with.
func ParseDomains(texts []string) ([]string, error) {
	var list []string
	for _, text := range texts {
		name := strings.ToLower(strings.Trim(strings.TrimSpace(text), "."))
		if name == "" || len(name) > 253 || strings.ContainsAny(name, "*/:@[]? \t") || net.ParseIP(name) != nil {
			return nil, fmt.Errorf("%q is no domain such as example.com, which allows its sub-domains too", text)
		}
		list = append(list, name)
	}
	return list, nil
}

// allows tells whether a host is one of the domains or below one. No domains: every host.
func allows(domains []string, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, d := range domains {
		if host == d || strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return len(domains) == 0
}
