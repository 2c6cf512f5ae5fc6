package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"aircache.dev/aircache/runtime/fetch"
	"aircache.dev/aircache/runtime/image"
	"aircache.dev/aircache/runtime/server"
)

// fetchFlags say which pictures requests may name by URL.
type fetchFlags struct {
	urls           string
	domains        []string
	networks       []string
	timeoutSeconds int
}

const (
	pictureURLsPublic = "public"
	pictureURLsNone   = "none"
)

func (f *fetchFlags) register(set *pflag.FlagSet) {
	set.StringVar(&f.urls, "picture-urls", pictureURLsPublic, "which http(s) URLs of pictures are fetched: public (hosts on the public Internet, ports 80 and 443) or none; data: URLs are always taken")
	set.StringSliceVar(&f.domains, "picture-domains", nil, "domains, with their sub-domains, that pictures may come from; empty: all")
	set.StringSliceVar(&f.networks, "picture-networks", nil, "networks that pictures may come from although they are not public, on any port, such as 10.1.0.0/16 of an object store in the cluster")
	set.IntVar(&f.timeoutSeconds, "picture-timeout-seconds", 5, "time for one picture to arrive, redirects included, in seconds, 1 to 60")
}

func (f *fetchFlags) check() error {
	if _, err := fetch.ParseDomains(f.domains); err != nil {
		return fmt.Errorf("--picture-domains: %w", err)
	}
	if _, err := fetch.ParseNetworks(f.networks); err != nil {
		return fmt.Errorf("--picture-networks: %w", err)
	}
	if err := oneOf("picture-urls", f.urls, pictureURLsPublic, pictureURLsNone); err != nil {
		return err
	}
	if f.urls == pictureURLsNone && len(f.domains)+len(f.networks) > 0 {
		flag := "picture-domains"
		if len(f.networks) > 0 {
			flag = "picture-networks"
		}
		return fmt.Errorf("--%s is set, but --picture-urls none fetches nothing", flag)
	}
	return within("picture-timeout-seconds", int64(f.timeoutSeconds), 1, 60)
}

// fetcher is nil where nothing is fetched. The flags were checked.
func (f *fetchFlags) fetcher() server.Fetcher {
	if f.urls != pictureURLsPublic {
		return nil
	}
	domains, _ := fetch.ParseDomains(f.domains)
	networks, _ := fetch.ParseNetworks(f.networks)
	return fetch.New(fetch.Options{
		Timeout: time.Duration(f.timeoutSeconds) * time.Second, MaxBytes: image.DefaultLimits.Bytes, Domains: domains, Networks: networks,
	})
}
