package cuda

import "unsafe"

// abiVersion is AIRCACHE_ABI of the header that the structs below mirror.
const abiVersion = 2

// Codes of the library.
const (
	codeOK       = 0
	codeArgument = 1
	codeMemory   = 2
	codeMissing  = 3
	codeDevice   = 4
)

// Types of values.
const (
	typeF32  = 0
	typeBF16 = 1
	typeF16  = 2
)

// mostAlternatives is AIRCACHE_ALTERNATIVES.
const mostAlternatives = 20

// The params of the entry points, field by field as in aircache.h. Device addresses are uintptr: the collector never follows
// them. A params struct lies in the Backend, so that a call allocates nothing and its host pointers live as long as the call.
type (
	matrix struct {
		data           uintptr
		rows, cols     int32
		kind, reserved int32
	}
	heads struct{ query, kv, dim int32 }

	openParams struct {
		size            uint32
		device          int32
		context         uintptr
		name            [128]byte
		capability      int32
		driver          int32
		multiprocessors int32
		cublaslt        int32
		cudnn, reserved int32
		free, total     int64
	}
	contextParams struct {
		size     uint32
		reserved int32
		context  uintptr
	}
	errorParams struct {
		size     uint32
		capacity int32
		context  uintptr
		text     unsafe.Pointer
	}
	memoryParams struct {
		size     uint32
		reserved int32
		context  uintptr
		bytes    int64
		data     uintptr
	}
	copyParams struct {
		size     uint32
		hostType int32
		context  uintptr
		matrix   matrix
		host     unsafe.Pointer
	}
	rowsParams struct {
		size     uint32
		count    int32
		context  uintptr
		dst, src matrix
		rows     unsafe.Pointer
		shares   unsafe.Pointer
	}
	mathParams struct {
		size                 uint32
		function             int32
		context              uintptr
		dst, x, weight, bias matrix
		eps                  float32
		add                  int32
		query, key           int32
		_                    [2]int32
	}
	ground struct {
		width, height, left, top int32
		colour                   [4]uint8
	}
	taps struct {
		first, start, share unsafe.Pointer
		count               int32
		_                   int32
	}
	frame struct {
		under, on    ground
		across, down taps
		downFirst    int32
		_            int32
	}
	patchesParams struct {
		size                  uint32
		frames                int32
		context               uintptr
		dst                   matrix
		pixels, levels, frame unsafe.Pointer
		width, height         int32
		tileWidth, tileHeight int32
		patch, reserved       int32
	}
	reserveParams struct {
		size                    uint32
		pages                   int32
		context                 uintptr
		heads                   heads
		layers, sequences, rows int32
	}
	draw struct {
		point             float64
		temperature, topP float32
		topK, top         int32
	}
	choice struct {
		token              int32
		logProb            float32
		alternative        [mostAlternatives]int32
		alternativeLogProb [mostAlternatives]float32
	}
	stageParams struct {
		size                                                                 uint32
		rows                                                                 int32
		context                                                              uintptr
		sequences, layers, pageNumbers, batch                                int32
		firstRow, rowSequence, token, position, cached, table, slot, drawing unsafe.Pointer
		page                                                                 unsafe.Pointer
		generation                                                           uint64
	}
	stepParams struct {
		size           uint32
		layer          int32
		context        uintptr
		dst, x, angles matrix
		sums           matrix
		heads          heads
		sequences      int32
	}
	sampledParams struct {
		size            uint32
		batch           int32
		context         uintptr
		count, reserved int32
		choice          unsafe.Pointer
	}
	graphParams struct {
		size    uint32
		nodes   int32
		context uintptr
		graph   uintptr
	}
	scoreParams struct {
		size                       uint32
		pages                      int32
		context                    uintptr
		page                       unsafe.Pointer
		cached, queries            int32
		query                      matrix
		heads                      heads
		byHead                     int32
		row, weight, elite, visual unsafe.Pointer
		elites, visuals            int32
		bar                        float32
		resultCount                int32
		result                     unsafe.Pointer
	}
	compressParams struct {
		size                                            uint32
		layers                                          int32
		context                                         uintptr
		heads                                           heads
		rows                                            int32
		query, logSum                                   unsafe.Pointer
		page, table, observe, visualRow, shownAt, fresh unsafe.Pointer
		pages, observed, visual, shown, freshPages      int32
		eliteMin, eliteMax, received, valueNorm, reach  int32
		layerBudget, permille                           int32
		alpha                                           float64
		ticket, reserved                                int32
	}
	compressedParams struct {
		size                  uint32
		ticket                int32
		context               uintptr
		budget, elites, fault unsafe.Pointer
		score                 unsafe.Pointer
	}
	pagesParams struct {
		size    uint32
		pages   int32
		context uintptr
		page    unsafe.Pointer
		host    unsafe.Pointer
	}
	keepParams struct {
		size              uint32
		pages             int32
		context           uintptr
		page              unsafe.Pointer
		lists, count      int32
		row, to           unsafe.Pointer
		toPages, reserved int32
		key, value        unsafe.Pointer
	}
)

// pointer is the address of a slice's first value, nil for an empty one.
func pointer[T any](s []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }

// list is memory of the library as a slice.
func list[T any](p unsafe.Pointer, n int) []T { return unsafe.Slice((*T)(p), n) }

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
