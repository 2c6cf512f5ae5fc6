package main

import (
	"bytes"
	"encoding/base64"
	stdimage "image"
	"image/png"
	"runtime"
	"strings"
	"sync"
	"testing"

	"aircache.dev/aircache/runtime/image"
)

// watchedProcessor notes how many pictures are being processed at once.
type watchedProcessor struct {
	mu        sync.Mutex
	now, most int
}

func (p *watchedProcessor) Measure(s image.Size, pictures int) (int, error) {
	return 100*s.Height + 10*s.Width + pictures, nil
}

func (p *watchedProcessor) Process(*image.RGB, int) (image.Pixels, error) {
	p.mu.Lock()
	p.now++
	p.most = max(p.most, p.now)
	p.mu.Unlock()
	for range 1000 { // long enough for another one to come in
		runtime.Gosched()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now--
	return image.Pixels{}, nil
}

// never is a device that resizes nothing, always one that resizes all.
func never(image.Pixels) bool  { return false }
func always(image.Pixels) bool { return true }

func TestPicturesWaitAsTheyWereDecodedWhereTheDeviceResizesThem(t *testing.T) {
	siglip, err := image.ParseProcessor([]byte(`{"image_processor_type":"SiglipImageProcessor","size":20}`), image.Tower{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		prepares func(image.Pixels) bool
		pictures int
		bytes    int64
	}{
		{"the host resizes", never, 1, 3 * 20 * 20},
		{"the device resizes", always, 1, 3 * 50 * 40},
		{"too many of them to wait as they are", always, waitingBytes/(3*50*40) + 1, 3 * 20 * 20},
	} {
		px, err := newPictures(siglip, c.prepares, 0).Prepare(image.Source{DataURL: pngURL(t, 50, 40)}, c.pictures)
		if err != nil || px.Bytes() != c.bytes || px.Tiles() != 1 {
			t.Errorf("%s: the picture waits in %d bytes, %d wanted, %v", c.name, px.Bytes(), c.bytes, err)
		}
	}
}

func pngURL(t *testing.T, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, stdimage.NewGray(stdimage.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestPicturesOfTheLargestSizeAreDecodedOneByOne(t *testing.T) {
	watched := &watchedProcessor{}
	p := newPictures(watched, never, 100)
	large := pngURL(t, 10, 10)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := p.Prepare(image.Source{DataURL: large}, 1); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if watched.most != 1 {
		t.Errorf("%d pictures were decoded at once, their pixels allow 1", watched.most)
	}
	if !p.pixels.TryAcquire(100) {
		t.Error("pixels were not given back")
	}
}

func TestAPictureIsMeasuredByItsHeader(t *testing.T) {
	p := newPictures(&watchedProcessor{}, never, 100)
	if got, err := p.Measure(image.Source{DataURL: pngURL(t, 7, 5)}, 2); err != nil || got != 572 {
		t.Errorf("got %d, %v", got, err)
	}
	for url, says := range map[string]string{pngURL(t, 11, 10): "the limit is 100", "data:image/png;base64,eHg=": "format is not known"} {
		if _, err := p.Measure(image.Source{DataURL: url}, 1); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAPictureOverTheLimitIsRefusedByItsHeader(t *testing.T) {
	p := newPictures(&watchedProcessor{}, never, 100)
	if _, err := p.Prepare(image.Source{DataURL: pngURL(t, 11, 10)}, 1); err == nil || !strings.Contains(err.Error(), "110 pixels, the limit is 100") {
		t.Errorf("got %v", err)
	}
}
