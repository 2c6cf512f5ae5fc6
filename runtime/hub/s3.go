package hub

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// bucket is a prefix of an S3-compatible store.
type bucket struct {
	options      Options
	client       *s3.Client
	name, prefix string
}

const defaultRegion = "us-east-1"

func newBucket(ctx context.Context, r Reference, o Options) (*bucket, error) {
	c, err := config.LoadDefaultConfig(ctx,
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }), // one place decides about tries
		config.WithEC2IMDSClientEnableState(imds.ClientDisabled),           // a pod is not its machine
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(tune)))
	if err != nil {
		return nil, permanent("reading the settings of S3: %w", err)
	}
	c.Region = cmp.Or(o.S3Region, c.Region, defaultRegion)
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		o.Log.Info("asking S3 without credentials", "reason", err.Error())
		c.Credentials = aws.AnonymousCredentials{}
	}
	client := s3.NewFromConfig(c, func(s *s3.Options) {
		s.DisableLogOutputChecksumValidationSkipped = true
		if s.UsePathStyle = o.S3PathStyle; o.S3Endpoint != "" {
			s.BaseEndpoint, s.UsePathStyle = aws.String(o.S3Endpoint), true
		}
	})
	return &bucket{options: o, client: client, name: r.Bucket, prefix: r.Prefix}, nil
}

// s3Folder of a prefix in the cache: readable, and different for different stores.
func (r Reference) s3Folder(endpoint string) string {
	host := "aws"
	if at, err := url.Parse(endpoint); err == nil && at.Host != "" {
		host = strings.ReplaceAll(at.Host, ":", "-")
	}
	return filepath.Join("s3", host, plainName(strings.TrimSuffix(r.Bucket+"/"+r.Prefix, "/")))
}

// list takes the objects directly under the prefix. The revision is a digest of their names, sizes and tags: a store has no
// commits, and a replaced object makes another model.
func (b *bucket) list(ctx context.Context) (listing, error) {
	prefix := b.prefix
	if prefix != "" {
		prefix += "/"
	}
	var l listing
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix, Delimiter: aws.String("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return listing{}, b.explain("s3:ListObjectsV2 "+b.address(prefix), err)
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			if name := strings.TrimPrefix(key, prefix); name != "" {
				l.files = append(l.files, file{name: name, key: key, size: aws.ToInt64(o.Size), etag: aws.ToString(o.ETag)})
			}
		}
		if len(l.files) > maxFiles {
			break
		}
	}
	if err := l.check(); err != nil {
		return listing{}, permanentError{err}
	}
	if len(l.files) == 0 {
		return listing{}, permanent("%s: %w: it holds no objects", b.address(prefix), ErrNotFound)
	}
	l.revision = l.sum()
	return l, nil
}

func (l listing) sum() string {
	slices.SortFunc(l.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	h := sha256.New()
	for _, f := range l.files {
		fmt.Fprintf(h, "%q %d %q\n", f.name, f.size, f.etag)
	}
	return hex.EncodeToString(h.Sum(nil))[:40]
}

var plainMD5 = regexp.MustCompile(`^"?([0-9a-f]{32})"?$`)

// describe asks for the digest that a store keeps of an object. An object that was uploaded in parts has a tag that is no
// digest, and so has one that is encrypted with a key of its own.
func (b *bucket) describe(ctx context.Context, f file) (file, error) {
	head, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &f.key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return f, b.explain("s3:HeadObject "+b.address(f.key), err)
	}
	if tag := aws.ToString(head.ETag); tag != f.etag {
		return f, permanent("fetching %s: the object was replaced meanwhile (its tag was %s and is %s)", f.name, f.etag, tag)
	}
	ofParts := head.ChecksumType == types.ChecksumTypeComposite
	plain := head.ServerSideEncryption == "" || head.ServerSideEncryption == types.ServerSideEncryptionAes256
	if sum := fromBase64(aws.ToString(head.ChecksumSHA256), sha256.Size); sum != "" && !ofParts {
		f.digest = digest{digestSHA256, sum}
	} else if sum := fromBase64(aws.ToString(head.ChecksumCRC64NVME), 8); sum != "" && !ofParts {
		f.digest = digest{digestCRC64, sum}
	} else if tag := plainMD5.FindStringSubmatch(f.etag); tag != nil && plain && aws.ToString(head.SSECustomerAlgorithm) == "" {
		f.digest = digest{digestMD5, tag[1]}
	}
	return f, nil
}

func (b *bucket) open(ctx context.Context, _ listing, f file, from, to int64) (io.ReadCloser, error) {
	ctx, end := context.WithCancelCause(ctx)
	input := &s3.GetObjectInput{Bucket: &b.name, Key: &f.key, IfMatch: &f.etag}
	if from > 0 || to < f.size {
		input.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, to-1))
	}
	object, err := b.client.GetObject(ctx, input)
	if err == nil && aws.ToInt64(object.ContentLength) != to-from {
		object.Body.Close()
		err = permanent("fetching %s: bytes %d-%d were asked for, the server sends %d", f.name, from, to-1, aws.ToInt64(object.ContentLength))
	} else if err != nil {
		err = b.explain("s3:GetObject "+b.address(f.key), err)
	}
	if err != nil {
		end(nil)
		return nil, err
	}
	return watch(ctx, object.Body, end, b.options.Stall), nil
}

func (b *bucket) address(key string) string { return schemeS3 + b.name + "/" + key }

// explain turns the SDK's error into the status and the store's own words.
func (b *bucket) explain(what string, err error) error {
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() == 0 {
		return fmt.Errorf("%s: %w", what, withoutQuery(err))
	}
	e := &statusError{what: what, code: answer.HTTPStatusCode()}
	if answer.Response != nil {
		e.retryAfter = readRetryAfter(answer.Response.Header.Get("Retry-After"), b.options.Now())
	}
	var words smithy.APIError
	if errors.As(err, &words) {
		e.message = strings.TrimSuffix(words.ErrorCode()+": "+words.ErrorMessage(), ": ")
	}
	if e.code == 412 {
		return permanent("%w: the object was replaced meanwhile", e)
	}
	return e
}
