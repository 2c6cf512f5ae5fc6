#include "ring.h"

namespace aircache {

cudaError_t PinnedRing::open(size_t bytes) {
  if (data) return cudaSuccess;
  const cudaError_t e = cudaMallocHost(reinterpret_cast<void**>(&data), bytes);
  if (e == cudaSuccess) size = bytes;
  return e;
}

cudaError_t PinnedRing::drop(size_t pieces) {
  if (pieces == 0) return cudaSuccess;
  const cudaError_t e = cudaEventSynchronize(busy_[pieces - 1].run);
  if (e != cudaSuccess) return e;
  for (; pieces > 0; pieces--) {
    idle_.push_back(busy_.front().run);
    busy_.pop_front();
  }
  return cudaSuccess;
}

cudaError_t PinnedRing::take(size_t bytes, char** at) {
  if (bytes > size) return cudaErrorInvalidValue;
  from_ = next_ + bytes > size ? 0 : next_;
  next_ = from_ + (bytes + 255) / 256 * 256;
  size_t pieces = 0;
  for (size_t i = 0; i < busy_.size(); i++)
    if (busy_[i].from < from_ + bytes && from_ < busy_[i].to) pieces = i + 1;
  *at = data + from_;
  return drop(pieces);
}

bool PinnedRing::oldest_has_run() {
  if (cudaEventQuery(busy_.front().run) == cudaSuccess) return true;
  cudaGetLastError();  // "not ready" is no error, but the next launch would report it
  return false;
}

cudaError_t PinnedRing::sent(cudaStream_t stream) {
  Piece piece = {from_, next_, nullptr};
  while (!busy_.empty() && oldest_has_run()) {
    idle_.push_back(busy_.front().run);
    busy_.pop_front();
  }
  if (idle_.empty()) {
    const cudaError_t e = cudaEventCreateWithFlags(&piece.run, cudaEventDisableTiming);
    if (e != cudaSuccess) return e;
  } else {
    piece.run = idle_.back();
    idle_.pop_back();
  }
  busy_.push_back(piece);
  return cudaEventRecord(piece.run, stream);
}

void PinnedRing::close() {
  for (const Piece& p : busy_) cudaEventDestroy(p.run);
  for (cudaEvent_t e : idle_) cudaEventDestroy(e);
  cudaFreeHost(data);
  *this = PinnedRing();
}

}  // namespace aircache
