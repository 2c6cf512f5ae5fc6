package image

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/ebitengine/purego"
)

// turboJPEG is libjpeg-turbo's own interface (Debian's libturbojpeg0). It is what Pillow decodes with, several times
// faster than Go's decoder and equal bit by bit. libjpeg's older interface would leave through longjmp on an error,
// which Go cannot survive; this one answers -1.
type turboJPEG struct {
	start   func() uintptr
	header  func(handle uintptr, b *byte, size uint64, width, height, sampling, colors *int32) int32
	decode  func(handle uintptr, b *byte, size uint64, dst *byte, width, pitch, height, format, flags int32) int32
	destroy func(handle uintptr) int32
}

const (
	turboFormatRGB   = 0
	turboColorsCMYK  = 3 // and YCCK, 4: left to Go's decoder, because Pillow converts them by its own rule
	turboExact       = 1 << 12
	turboLimitScans  = 1 << 15 // refuses progressive files whose scans never end
	turboJPEGLibrary = "libturbojpeg.so.0"
)

var loadTurboJPEG = sync.OnceValues(func() (*turboJPEG, error) {
	library, err := purego.Dlopen(turboJPEGLibrary, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", turboJPEGLibrary, err)
	}
	t := &turboJPEG{}
	for name, f := range map[string]any{
		"tjInitDecompress": &t.start, "tjDecompressHeader3": &t.header, "tjDecompress2": &t.decode, "tjDestroy": &t.destroy,
	} {
		address, err := purego.Dlsym(library, name)
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", turboJPEGLibrary, err)
		}
		purego.RegisterFunc(f, address)
	}
	return t, nil
})

// JPEGDecoder names the decoder that is used on this machine.
func JPEGDecoder() string {
	if _, err := loadTurboJPEG(); err == nil {
		return "libjpeg-turbo"
	}
	return "Go"
}

var errTurboJPEG = errors.New("libjpeg-turbo refuses the picture")

// rgb decodes a picture whose header has passed the limits.
func (t *turboJPEG) rgb(b []byte, info Info) (*RGB, error) {
	handle := t.start()
	if handle == 0 {
		return nil, errTurboJPEG
	}
	defer t.destroy(handle)
	defer runtime.KeepAlive(b)
	var width, height, sampling, colors int32
	if t.header(handle, &b[0], uint64(len(b)), &width, &height, &sampling, &colors) != 0 {
		return nil, errTurboJPEG
	}
	// The buffer below has the size that was let in: a second opinion on it must not decide what is written.
	if int(width) != info.Width || int(height) != info.Height || colors >= turboColorsCMYK {
		return nil, errTurboJPEG
	}
	p := newRGB(info.Width, info.Height)
	defer runtime.KeepAlive(p)
	if t.decode(handle, &b[0], uint64(len(b)), &p.Pix[0], width, 3*width, height, turboFormatRGB, turboExact|turboLimitScans) != 0 {
		return nil, errTurboJPEG
	}
	return p, nil
}
