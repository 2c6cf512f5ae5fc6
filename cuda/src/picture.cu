#include "picture.h"

#include "../kernels/picture.cuh"

namespace aircache {

cudaError_t run_resample(uint8_t* to, const PictureView& from, const PictureTaps& taps, bool down, cudaStream_t stream) {
  const int width = down ? from.ground.width : taps.count, height = down ? taps.count : from.ground.height, threads = 128;
  if (width < 1 || height < 1 || height > 65535) return cudaErrorInvalidValue;
  return launch(down ? resample<true> : resample<false>, dim3((width + threads - 1) / threads, height), dim3(threads), 0, stream, from, taps, to, width);
}

cudaError_t run_cut_patches(const PatchParams& p, cudaStream_t stream) {
  const PictureTiles& t = p.tiles;
  if (t.patch < 1 || p.on.width % t.width != 0 || p.on.height % t.height != 0 || p.dst.cols != 3 * t.patch * t.patch) return cudaErrorInvalidValue;
  if (p.dst.rows != p.on.width / t.width * (p.on.height / t.height) * (t.width / t.patch) * (t.height / t.patch)) return cudaErrorInvalidValue;
  const bool resized = p.taps.count > 0;
  const int width = resized && !p.down ? p.taps.count : p.from.ground.width, height = resized && p.down ? p.taps.count : p.from.ground.height;
  const int threads = (t.patch * t.patch + kWarp - 1) / kWarp * kWarp;
  return by_type([&](auto* null) {
    using T = std::remove_pointer_t<decltype(null)>;
    const auto kernel = !resized ? cut_patches<kAsItIs, T> : p.down ? cut_patches<kDownwards, T> : cut_patches<kAcross, T>;
    return launch(kernel, dim3(p.dst.rows), dim3(threads > 256 ? 256 : threads), 0, stream, values<T>(p.dst), p.from, p.taps, p.on, width, height, t, p.levels);
  }, p.dst);
}

}  // namespace aircache
