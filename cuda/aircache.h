/* The C interface of libaircache_cuda.so.
 *
 * Every entry point is int32_t f(Params*): the first field of the params is their size in bytes, so that a library and a caller
 * of different versions find out; the result is an aircache_code. What went wrong is told by aircache_error. Nothing here
 * throws, exits, prints, or keeps a pointer into the caller's memory after it returned, but where a field says so.
 *
 * A context belongs to one thread at a time. Work is queued on the context's one stream: results are there after aircache_sync,
 * and after the calls that bring values to the host.
 *
 * Layouts: matrices are row-major. A page of the cache is 16 tokens of one layer, [K, V][KV heads][16][head dim] bfloat16. A
 * fused qkv row is all query heads, then all key heads, then all value heads.
 */
#ifndef AIRCACHE_H
#define AIRCACHE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AIRCACHE_ABI 2
#define AIRCACHE_API __attribute__((visibility("default")))

typedef enum {
  AIRCACHE_OK = 0,
  AIRCACHE_ARGUMENT = 1, /* a shape or value that no kernel takes; the next call may be right */
  AIRCACHE_MEMORY = 2,   /* not enough memory; nothing was taken */
  AIRCACHE_MISSING = 3,  /* no GPU, no driver, or no library */
  AIRCACHE_DEVICE = 4    /* the device failed: every later call fails too */
} aircache_code;

typedef enum { AIRCACHE_F32 = 0, AIRCACHE_BF16 = 1, AIRCACHE_F16 = 2 } aircache_type;

typedef struct aircache_context aircache_context;

/* A matrix in device memory. F16 is a type of what aircache_write reads, not of matrices. */
typedef struct {
  void *data; /* null: none */
  int32_t rows, cols;
  int32_t type;
  int32_t reserved;
} aircache_matrix;

typedef struct {
  int32_t query, kv, dim;
} aircache_heads;

/* ---- context */

AIRCACHE_API int32_t aircache_abi(void);

typedef struct {
  uint32_t size;
  int32_t device;                   /* ordinal among the visible GPUs */
  aircache_context *context;        /* out; also set on failure, for aircache_error, and then to be closed too */
  char name[128];                   /* out, as all that follows: of the GPU */
  int32_t capability;               /* 90 for 9.0 */
  int32_t driver;                   /* CUDA version that the driver offers, 13000 for 13.0 */
  int32_t multiprocessors;
  int32_t cublaslt;                 /* version of cuBLASLt, 0 without it */
  int32_t cudnn;                    /* version of cuDNN, 0 without it: attention of prompts and pictures is ours then */
  int32_t reserved;
  int64_t memory_free, memory_total; /* bytes */
} aircache_open_params;
AIRCACHE_API int32_t aircache_open(aircache_open_params *p);

typedef struct {
  uint32_t size;
  int32_t reserved;
  aircache_context *context;
} aircache_context_params;
AIRCACHE_API int32_t aircache_close(aircache_context_params *p);
AIRCACHE_API int32_t aircache_sync(aircache_context_params *p);

typedef struct {
  uint32_t size;
  int32_t capacity;
  aircache_context *context;
  char *text; /* filled with the last error, NUL-terminated */
} aircache_error_params;
AIRCACHE_API int32_t aircache_error(aircache_error_params *p);

/* ---- memory */

typedef struct {
  uint32_t size;
  int32_t reserved;
  aircache_context *context;
  int64_t bytes;
  void *data; /* out of alloc (zeroed), in of free */
} aircache_memory_params;
AIRCACHE_API int32_t aircache_alloc(aircache_memory_params *p);
AIRCACHE_API int32_t aircache_free(aircache_memory_params *p);
/* memory_state: bytes is what the device has free. */
AIRCACHE_API int32_t aircache_memory_free(aircache_memory_params *p);

typedef struct {
  uint32_t size;
  int32_t host_type; /* of the host's values; aircache_read knows AIRCACHE_F32 only */
  aircache_context *context;
  aircache_matrix matrix;
  void *host; /* rows*cols values */
} aircache_copy_params;
AIRCACHE_API int32_t aircache_write(aircache_copy_params *p); /* converts on the device; the host's values are free on return */
AIRCACHE_API int32_t aircache_read(aircache_copy_params *p);  /* waits */

/* ---- math */

typedef struct {
  uint32_t size;
  int32_t count;
  aircache_context *context;
  aircache_matrix dst, src;
  const int32_t *rows; /* [count] host */
  const float *shares; /* [count] host, of blend */
} aircache_rows_params;
AIRCACHE_API int32_t aircache_gather(aircache_rows_params *p);  /* dst[i] = src[rows[i]], the first dst.cols columns */
AIRCACHE_API int32_t aircache_scatter(aircache_rows_params *p); /* dst[rows[i]] = src[i] */
AIRCACHE_API int32_t aircache_blend(aircache_rows_params *p);   /* dst[i] = sum over t < n of shares[i*n + t] * src[rows[i*n + t]], n = count / dst.rows */

typedef struct {
  uint32_t size;
  int32_t function; /* of activate: 0 gelu with the error function, 1 its tanh approximation, 2 x * sigmoid(1.702 x) */
  aircache_context *context;
  aircache_matrix dst, x, weight, bias;
  float eps;
  int32_t add; /* of linear: dst += */
  int32_t query, key, reserved[2]; /* of norm_heads: the columns of all query heads, and of all key heads */
} aircache_math_params;
AIRCACHE_API int32_t aircache_add(aircache_math_params *p);        /* dst += x, x repeats downwards */
AIRCACHE_API int32_t aircache_layer_norm(aircache_math_params *p); /* dst = norm(x) * weight + bias */
AIRCACHE_API int32_t aircache_rms_norm(aircache_math_params *p);   /* dst = norm(x) * weight */
AIRCACHE_API int32_t aircache_norm_heads(aircache_math_params *p); /* dst is qkv: queries normed by weight, keys by bias, in place */
AIRCACHE_API int32_t aircache_linear(aircache_math_params *p);     /* dst = x weight^T + bias */
AIRCACHE_API int32_t aircache_activate(aircache_math_params *p);   /* dst = f(dst) */
AIRCACHE_API int32_t aircache_gated_silu(aircache_math_params *p); /* dst = silu(x[:, :n]) * x[:, n:] */

/* ---- pictures: runtime/backend's Pictures. Whole numbers throughout, so that every device gets the same bits. */

#define AIRCACHE_PICTURE_BYTES (64 << 20) /* of a picture's pixels and lists */
#define AIRCACHE_PICTURE_ROOM (96 << 20)  /* with what lies between its two directions */

typedef struct {
  int32_t width, height; /* pixels */
  int32_t left, top;     /* where the picture's first pixel comes to; may be negative */
  uint8_t colour[4];     /* red, green, blue beside it */
} aircache_ground;

/* Pixel i is made of the source pixels from first[i] on, with the shares start[i]..start[i + 1]: fixed point, 22 bits behind it. */
typedef struct {
  const int32_t *first; /* [count], as all lists of pictures on the host */
  const int32_t *start; /* [count + 1] */
  const int32_t *share;
  int32_t count; /* 0: the size stays */
  int32_t reserved;
} aircache_taps;

typedef struct {
  aircache_ground under;      /* of the picture */
  aircache_ground on;         /* of the resized one: whole tiles */
  aircache_taps across, down; /* into under's columns and rows */
  int32_t down_first;
  int32_t reserved;
} aircache_frame;

typedef struct {
  uint32_t size;
  int32_t frames;
  aircache_context *context;
  aircache_matrix dst;          /* [patches, 3 * patch * patch]: frame by frame, tile by tile, patch by patch; channel by channel */
  const uint8_t *pixels;        /* [height, width, 3] host */
  const float *levels;          /* [3, 256] what a value becomes, by channel */
  const aircache_frame *frame;  /* [frames] */
  int32_t width, height;
  int32_t tile_width, tile_height;
  int32_t patch;
  int32_t reserved;
} aircache_patches_params;
AIRCACHE_API int32_t aircache_patches(aircache_patches_params *p); /* taps and pixels were checked by the caller; both are free on return */

/* ---- the cache and the steps over it */

typedef struct {
  uint32_t size;
  int32_t pages;
  aircache_context *context;
  aircache_heads heads;
  int32_t layers;    /* tables of a sequence */
  int32_t sequences; /* in one step at most */
  int32_t rows;      /* of one layer of a sequence at most */
} aircache_reserve_params;
AIRCACHE_API int32_t aircache_reserve(aircache_reserve_params *p); /* replaces the pool; after an error the old one stands */

#define AIRCACHE_SLOTS 1024
#define AIRCACHE_BATCHES 4      /* batches sampled last, whose choices can be asked for */
#define AIRCACHE_ALTERNATIVES 20 /* reported with a choice at most */
#define AIRCACHE_NO_PAGES (-1)

typedef struct {
  double point;      /* 0 <= point < 1: the shares, laid end to end, are cut there */
  float temperature; /* 0: greedy */
  float top_p;       /* 0 and 1: all */
  int32_t top_k;     /* 0: all */
  int32_t top;       /* alternatives to report */
} aircache_draw;

typedef struct {
  int32_t token; /* -1: no softmax can use the logits */
  float log_prob;
  int32_t alternative[AIRCACHE_ALTERNATIVES]; /* best first, as many as draw.top and the vocabulary allow */
  float alternative_log_prob[AIRCACHE_ALTERNATIVES];
} aircache_choice;

/* Staging takes two calls: stage_begin says how much there is and gives host memory to write it to, stage_end sends it off. The
 * pointers are good until stage_end. Every array must be filled. */
typedef struct {
  uint32_t size;
  int32_t rows;
  aircache_context *context;
  int32_t sequences, layers;
  int32_t page_numbers; /* over all sequences and layers */
  int32_t batch;        /* out: for aircache_sampled */
  int32_t *first_row;   /* [sequences + 1] */
  int32_t *row_sequence; /* [rows] */
  int32_t *token;       /* [rows]; -1 - slot: the last one sampled into that slot */
  int32_t *position;    /* [rows] */
  int32_t *cached;      /* [layers, sequences] rows in the cache before this step */
  int32_t *table;       /* [layers, sequences] where the pages start in page, or AIRCACHE_NO_PAGES */
  int32_t *slot;        /* [sequences] for the sampled token, or -1 */
  aircache_draw *draw;  /* [sequences] */
  int32_t *page;        /* [page_numbers] */
  uint64_t generation;  /* out of stage_end: graphs captured under another hold addresses that are gone */
} aircache_stage_params;
AIRCACHE_API int32_t aircache_stage_begin(aircache_stage_params *p);
AIRCACHE_API int32_t aircache_stage_end(aircache_stage_params *p);

/* Work on the batch staged last. */
typedef struct {
  uint32_t size;
  int32_t layer;
  aircache_context *context;
  aircache_matrix dst, x, angles; /* embed: x is the table; angles: x the inverse frequencies; append: x is qkv */
  aircache_matrix sums;           /* attend: f32 [rows, query heads], see PrefillParams; or no data */
  aircache_heads heads;
  int32_t sequences; /* of mix: how many equal parts the rows have */
} aircache_step_params;
AIRCACHE_API int32_t aircache_embed(aircache_step_params *p);
AIRCACHE_API int32_t aircache_angles(aircache_step_params *p);
AIRCACHE_API int32_t aircache_append(aircache_step_params *p);
AIRCACHE_API int32_t aircache_attend(aircache_step_params *p);
AIRCACHE_API int32_t aircache_mix(aircache_step_params *p); /* needs no batch */
AIRCACHE_API int32_t aircache_turn(aircache_step_params *p); /* x is qkv, turned in place by angles; needs no batch */
AIRCACHE_API int32_t aircache_sample(aircache_step_params *p); /* x: logits, f32 */

typedef struct {
  uint32_t size;
  int32_t batch;
  aircache_context *context;
  int32_t count;
  int32_t reserved;
  aircache_choice *choice; /* out: host memory of the library, good until the fourth sample after the batch's own */
} aircache_sampled_params;
AIRCACHE_API int32_t aircache_sampled(aircache_sampled_params *p); /* waits for that sample alone */

/* A graph is what was called between capture_begin and capture_end; nothing of it runs before graph_launch. Only math and step
 * calls with matrices may stand there. A capture that fails leaves the context as it was. */
typedef struct {
  uint32_t size;
  int32_t nodes; /* out of capture_end */
  aircache_context *context;
  void *graph; /* out of capture_end, in of the others */
} aircache_graph_params;
AIRCACHE_API int32_t aircache_capture_begin(aircache_graph_params *p);
AIRCACHE_API int32_t aircache_capture_end(aircache_graph_params *p);
AIRCACHE_API int32_t aircache_graph_launch(aircache_graph_params *p);
AIRCACHE_API int32_t aircache_graph_free(aircache_graph_params *p);

/* ---- scores and compaction of one layer of one sequence: runtime/backend's Scorer and Keep. Results are on the host on return. */

typedef struct {
  uint32_t size;
  int32_t pages;
  aircache_context *context;
  const int32_t *page; /* [pages] host */
  int32_t cached;      /* rows */
  int32_t queries;     /* rows of query */
  aircache_matrix query;
  aircache_heads heads;
  int32_t by_head;
  const int32_t *row;    /* [queries] cache row of each, host */
  const float *weight;   /* columns: [queries]; importance: [elites] or null, what each counts */
  const int32_t *elite;  /* [elites] importance: indices into row */
  const int32_t *visual; /* [visuals] importance: cache rows */
  int32_t elites, visuals;
  float bar;        /* density */
  int32_t result_count;
  float *result;    /* host */
} aircache_score_params;
AIRCACHE_API int32_t aircache_relevance(aircache_score_params *p);
AIRCACHE_API int32_t aircache_importance(aircache_score_params *p);
AIRCACHE_API int32_t aircache_columns(aircache_score_params *p);
AIRCACHE_API int32_t aircache_density(aircache_score_params *p);

typedef struct {
  uint32_t size;
  int32_t pages;
  aircache_context *context;
  const int32_t *page; /* [pages] host */
  int32_t lists;       /* 1, or one for each KV head */
  int32_t count;       /* rows in a list */
  const int32_t *row;  /* [lists, count] host, ascending */
  const int32_t *to;   /* keep: pages to fill, host */
  int32_t to_pages;
  int32_t reserved;
  float *key, *value; /* read_rows: [count, kv * dim] host */
} aircache_keep_params;
AIRCACHE_API int32_t aircache_keep(aircache_keep_params *p);
AIRCACHE_API int32_t aircache_read_rows(aircache_keep_params *p);

/* Whole pages as they are, one after the other, between the pool and the host. */
typedef struct {
  uint32_t size;
  int32_t pages;
  aircache_context *context;
  const int32_t *page; /* [pages] host */
  void *host;          /* pages of them */
} aircache_pages_params;
AIRCACHE_API int32_t aircache_read_pages(aircache_pages_params *p);  /* waits */
AIRCACHE_API int32_t aircache_write_pages(aircache_pages_params *p); /* the host's bytes are free on return */

/* Compression of a whole prompt: runtime/backend's Compressor. Only queued; the caller's lists are free on return, the cache and
 * the queries must stay until aircache_compressed. The last AIRCACHE_BATCHES of them can be asked for. */
typedef struct {
  uint32_t size;
  int32_t layers;
  aircache_context *context;
  aircache_heads heads;
  int32_t rows;              /* of the prompt, in every layer */
  void *const *query;        /* [layers] matrices of [observed, query * dim] bfloat16 on the device */
  void *const *log_sum;      /* [layers] matrices of [observed, query] float32 on the device, from attend; null: they are worked out */
  const int32_t *page;       /* [pages] of all layers */
  const int32_t *table;      /* [layers] where a layer's pages start in page */
  const int32_t *observe;    /* [observed] cache rows that look, ascending */
  const int32_t *visual_row; /* [visual] cache rows that may go, ascending */
  const int32_t *shown_at;   /* [shown] indices into visual_row of those that are no padding, ascending; null: all */
  const int32_t *fresh_page; /* [fresh] pages to fill; none: only scores are wanted */
  int32_t pages, observed, visual, shown, fresh;
  int32_t elite_min, elite_max;
  int32_t received;     /* rows of the window count by the attention that they receive, not the same */
  int32_t value_norm;   /* a row counts by the length of its value too */
  int32_t reach;        /* neighbours to each side that a row shares its rank with */
  int32_t layer_budget; /* 0 adaptive, 1 by strength, 2 by skewness, 3 uniform */
  int32_t permille;
  double alpha;
  int32_t ticket; /* out */
  int32_t reserved;
} aircache_compress_params;
AIRCACHE_API int32_t aircache_compress(aircache_compress_params *p);

typedef struct {
  uint32_t size;
  int32_t ticket;
  aircache_context *context;
  int32_t *budget, *elites, *fault; /* out: [layers] kept visual rows, rows of the window, whether a score was not finite */
  float *score;                     /* out: [layers, visual], -1 for padding */
} aircache_compressed_params;
AIRCACHE_API int32_t aircache_compressed(aircache_compressed_params *p); /* waits for that compression alone */

#ifdef __cplusplus
}
#endif

#endif
