package hub

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Options of a fetch. Zero values take the defaults that are said.
type Options struct {
	Cache   string // folder of all models (required for a remote reference)
	Offline bool   // use what the cache holds, ask nobody

	Endpoint string // of the Hub or a mirror; default https://huggingface.co
	Token    string // for the Hub; never sent to another host

	// S3: credentials come from where the AWS SDK looks (environment, shared files, web identity, container; not from the
	// machine's own role); without any, requests are not signed.
	S3Endpoint  string // default: AWS's own, or what AWS_ENDPOINT_URL_S3 says
	S3Region    string // default: what AWS_REGION says, else us-east-1
	S3PathStyle bool   // bucket in the path instead of the host; always so where S3Endpoint is set

	OCIPlainHTTP []string // registries (host:port) that are asked without TLS, as this machine's own are

	Workers  int           // segments at once; default 8
	Segment  int64         // bytes of a segment; default 64 MiB
	Tries    int           // in a row without a byte, of a segment or a question; default 8
	Pause    time.Duration // before the second try, then half as much again each time up to a minute; default 500 ms
	Stall    time.Duration // a connection that delivers nothing for so long is cut; default 30 s
	Beat     time.Duration // how often a holder renews its lease; default 10 s
	Stale    time.Duration // after which an unchanged lease is over; default 60 s
	Host     string        // name of this machine or pod, which tells a process that starts again that a lease was its own
	Progress *Progress     // may be nil
	Log      *slog.Logger  // default: silent

	Now   func() time.Time                     // required
	After func(time.Duration) <-chan time.Time // required
	HTTP  *http.Client                         // for the Hub and registries; default: the environment's proxies, 30 s to the answer's head
	Free  func(dir string) (int64, error)      // free space of a file system; default: the kernel's word

	write func(file writerAt) writerAt // tests put faults in front of files
}

const (
	defaultEndpoint = "https://huggingface.co"
	unknownHost     = "?"
	maxRetryAfter   = 5 * time.Minute // a server that asks for more is not waited for
)

func (o Options) complete() Options {
	o.Endpoint = strings.TrimRight(cmp.Or(o.Endpoint, defaultEndpoint), "/")
	o.S3Endpoint = strings.TrimRight(o.S3Endpoint, "/")
	o.Workers = cmp.Or(o.Workers, 8)
	o.Segment = cmp.Or(o.Segment, 64<<20)
	o.Tries = cmp.Or(o.Tries, 8)
	o.Pause = cmp.Or(o.Pause, 500*time.Millisecond)
	o.Stall = cmp.Or(o.Stall, 30*time.Second)
	o.Beat = cmp.Or(o.Beat, 10*time.Second)
	o.Stale = cmp.Or(o.Stale, 60*time.Second)
	o.Host = cmp.Or(strings.Join(strings.Fields(o.Host), "-"), unknownHost)
	if o.Progress == nil {
		o.Progress = &Progress{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = newClient()
	}
	if o.Free == nil {
		o.Free = freeBytes
	}
	if o.write == nil {
		o.write = func(f writerAt) writerAt { return f }
	}
	return o
}
