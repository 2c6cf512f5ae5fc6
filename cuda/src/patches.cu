// A decoded picture on its way to a tower's patches: lists and pixels travel in one piece of pinned memory, frames are resampled
// through one room on the device, and the last direction is done where patches are cut.
#include <string.h>

#include "context.h"
#include "picture.h"

namespace aircache {

constexpr size_t kPictureChunk = 1 << 20;  // copied while the next one is packed

static size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }

static size_t taps_bytes(const aircache_taps& t) { return t.count > 0 ? aligned((2 * size_t(t.count) + 1 + size_t(t.start[t.count])) * 4) : 0; }

// packed_bytes is what travels: levels, taps, and pixels last.
static size_t packed_bytes(const aircache_patches_params* p, size_t* pixels_at) {
  size_t at = aligned(3 * 256 * 4);
  for (int i = 0; i < p->frames; i++) at += taps_bytes(p->frame[i].across) + taps_bytes(p->frame[i].down);
  *pixels_at = at;
  return at + aligned(size_t(p->width) * p->height * 3);
}

// half_bytes is the largest picture that lies between two directions of a frame.
static size_t half_bytes(const aircache_patches_params* p) {
  size_t most = 0;
  for (int i = 0; i < p->frames; i++) {
    const aircache_frame& f = p->frame[i];
    if (f.across.count == 0 || f.down.count == 0) continue;
    const size_t pixels = f.down_first ? size_t(f.down.count) * f.under.width : size_t(f.across.count) * f.under.height;
    if (pixels * 3 > most) most = pixels * 3;
  }
  return aligned(most);
}

// Packer lays lists out in pinned memory; where they will be on the device is known before they travel.
struct Packer {
  char* host;
  const char* device;
  size_t at = 0;

  template <class T>
  const T* put(const T* list, size_t n) {
    memcpy(host + at, list, n * sizeof(T));
    const T* there = reinterpret_cast<const T*>(device + at);
    at += n * sizeof(T);
    return there;
  }
  PictureTaps put(const aircache_taps& t) {
    if (t.count == 0) return PictureTaps{};
    const size_t end = at + taps_bytes(t);
    const PictureTaps there = {put(t.first, size_t(t.count)), put(t.start, size_t(t.count) + 1), put(t.share, size_t(t.start[t.count])), t.count};
    at = end;
    return there;
  }
};

static PictureGround ground_of(const aircache_ground& g) { return {g.width, g.height, g.left, g.top, {g.colour[0], g.colour[1], g.colour[2]}}; }
static PictureView whole(const uint8_t* pixels, int width, int height) { return {pixels, width, height, {width, height, 0, 0, {}}}; }

// run_frame does all directions but the last, and cuts with that one.
static cudaError_t run_frame(const aircache_patches_params* p, const aircache_frame& f, PictureView from, const PictureTaps& across, const PictureTaps& down, uint8_t* half,
                             const float* levels, const Matrix& dst, cudaStream_t stream) {
  PatchParams cut = {dst, from, {}, false, ground_of(f.on), {p->tile_width, p->tile_height, p->patch}, levels};
  if (across.count > 0 && down.count > 0) {
    const bool down_first = f.down_first != 0;
    const cudaError_t e = run_resample(half, from, down_first ? down : across, down_first, stream);
    if (e != cudaSuccess) return e;
    cut.from = down_first ? whole(half, from.ground.width, down.count) : whole(half, across.count, from.ground.height);
    cut.taps = down_first ? across : down, cut.down = !down_first;
  } else if (across.count > 0 || down.count > 0) {
    cut.taps = down.count > 0 ? down : across, cut.down = down.count > 0;
  }
  return run_cut_patches(cut, stream);
}

static int patches_of(const aircache_patches_params* p, const aircache_frame& f) {
  return f.on.width / p->tile_width * (f.on.height / p->tile_height) * (p->tile_width / p->patch) * (p->tile_height / p->patch);
}

static int32_t check_picture(aircache_context* c, const aircache_patches_params* p) {
  if (c->capturing) return fail(c, AIRCACHE_ARGUMENT, "cutting patches: a graph is being captured");
  if (!p->pixels || !p->levels || !p->frame || p->frames < 1 || p->width < 1 || p->height < 1 || p->patch < 1 || p->tile_width < p->patch || p->tile_height < p->patch) {
    return fail(c, AIRCACHE_ARGUMENT, "cutting patches: a picture of %d x %d pixels, %d frames, patches of %d in tiles of %d x %d", p->width, p->height, p->frames, p->patch, p->tile_width, p->tile_height);
  }
  int64_t rows = 0;
  for (int i = 0; i < p->frames; i++) {
    const aircache_ground& on = p->frame[i].on;
    if (on.width % p->tile_width != 0 || on.height % p->tile_height != 0) return fail(c, AIRCACHE_ARGUMENT, "cutting patches: frame %d is no whole tiles", i);
    rows += patches_of(p, p->frame[i]);
  }
  if (p->dst.rows == rows && p->dst.cols == 3 * p->patch * p->patch) return AIRCACHE_OK;
  return fail(c, AIRCACHE_ARGUMENT, "cutting patches: the result is %d x %d, %lld x %d wanted", p->dst.rows, p->dst.cols, (long long)rows, 3 * p->patch * p->patch);
}

// upload sends pixels chunk by chunk, so that one travels while the next is packed.
static int32_t upload_pixels(aircache_context* c, const uint8_t* pixels, size_t bytes, char* pinned, char* room) {
  for (size_t at = 0; at < bytes; at += kPictureChunk) {
    const size_t n = bytes - at < kPictureChunk ? bytes - at : kPictureChunk;
    memcpy(pinned + at, pixels + at, n);
    AIRCACHE_TRY(check(c, cudaMemcpyAsync(room + at, pinned + at, n, cudaMemcpyHostToDevice, c->stream), "copying a picture"));
  }
  return AIRCACHE_OK;
}

}  // namespace aircache

using namespace aircache;

int32_t aircache_patches(aircache_patches_params* p) {
  AIRCACHE_ENTER(p);
  AIRCACHE_TRY(check_picture(c, p));
  size_t pixels_at = 0;
  const size_t packed = packed_bytes(p, &pixels_at), half = half_bytes(p);
  if (packed > AIRCACHE_PICTURE_BYTES || packed + half > AIRCACHE_PICTURE_ROOM) {
    return fail(c, AIRCACHE_ARGUMENT, "cutting patches: the picture takes %zu bytes and %zu half resized, %d and %d in all are possible", packed, half, AIRCACHE_PICTURE_BYTES, AIRCACHE_PICTURE_ROOM);
  }
  AIRCACHE_TRY(grow(c, &c->picture_room, AIRCACHE_PICTURE_ROOM, "taking room for pictures"));
  AIRCACHE_TRY(check(c, c->pictures.open(AIRCACHE_PICTURE_BYTES), "allocating pinned memory for pictures"));
  Packer lists = {nullptr, c->picture_room.data};
  AIRCACHE_TRY(check(c, c->pictures.take(packed, &lists.host), "waiting for an earlier picture's copy"));
  const float* levels = lists.put(p->levels, 3 * 256);
  std::vector<PictureTaps> taps;
  for (int i = 0; i < p->frames; i++) {
    taps.push_back(lists.put(p->frame[i].across));
    taps.push_back(lists.put(p->frame[i].down));
  }
  char* room = c->picture_room.data;
  AIRCACHE_TRY(check(c, cudaMemcpyAsync(room, lists.host, pixels_at, cudaMemcpyHostToDevice, c->stream), "copying a picture's lists"));
  const int32_t uploaded = upload_pixels(c, p->pixels, size_t(p->width) * p->height * 3, lists.host + pixels_at, room + pixels_at);
  AIRCACHE_TRY(check(c, c->pictures.sent(c->stream), "copying a picture"));
  AIRCACHE_TRY(uploaded);
  Matrix dst = p->dst;
  for (int i = 0; i < p->frames; i++) {
    const aircache_frame& f = p->frame[i];
    dst.rows = patches_of(p, f);
    const PictureView from = {reinterpret_cast<const uint8_t*>(room + pixels_at), p->width, p->height, ground_of(f.under)};
    AIRCACHE_TRY(check(c, run_frame(p, f, from, taps[2 * i], taps[2 * i + 1], reinterpret_cast<uint8_t*>(room + packed), levels, dst, c->stream), "cutting patches"));
    dst.data = static_cast<char*>(dst.data) + size_t(dst.rows) * dst.cols * value_bytes(dst.type);
  }
  return AIRCACHE_OK;
}
