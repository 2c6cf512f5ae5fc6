// Package fetch gets the pictures that requests name by an http(s) URL, for users who must not reach what this process can.
//
// What a name resolves to is checked, not the name: the address is judged when the connection is made, after the last look-up, so
// that a name which answers differently a second time gains nothing. Refused is every address outside the public Internet, by IANA's
// registries of special purposes (loopback, private, link-local with the metadata services of clouds, shared, multicast, the
// prefixes that carry IPv4 addresses inside IPv6 ones), and every port but 80 and 443. Redirects go through the same door, at most
// [MaxRedirects] of them. Networks that the operator names are reachable on every port: an object store inside the cluster.
//
// No proxy is used, no cookie kept, no credential sent, nothing decompressed. One [Options.Timeout] holds for all of a fetch,
// redirects and body included.
package fetch
