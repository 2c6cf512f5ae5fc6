// The ring of pinned memory: pieces of all sizes arrive as they were written, however often the ring goes round behind their copies.
#include "../src/ring.h"

#include "check.h"

using namespace aircache;

int main() {
  Random random;
  Verdict verdict;
  const size_t size = 64 << 10;
  PinnedRing ring;
  REQUIRE(ring.open(size));
  cudaStream_t stream;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  std::vector<uint8_t> want;
  Buffer<uint8_t> device(32 << 20);
  for (int piece = 0; piece < 1000 && want.size() + size <= device.size; piece++) {
    const size_t n = piece % 50 == 49 ? size : size_t(1 + random.below(piece % 7 == 0 ? 40000 : 3000));
    char* at = nullptr;
    REQUIRE(ring.take(n, &at));
    for (size_t i = 0; i < n; i++) at[i] = char(random.below(256));
    REQUIRE(cudaMemcpyAsync(device.data + want.size(), at, n, cudaMemcpyHostToDevice, stream));
    REQUIRE(ring.sent(stream));
    want.insert(want.end(), at, at + n);
  }
  REQUIRE(cudaStreamSynchronize(stream));
  std::vector<uint8_t> got = device.read();
  got.resize(want.size());
  verdict.same("pieces", got, want);
  char* at = nullptr;
  verdict.checks++;
  if (ring.take(size + 1, &at) != cudaErrorInvalidValue) verdict.fail("a piece that is larger than the ring was taken");
  ring.close();
  REQUIRE(cudaStreamDestroy(stream));
  return verdict.report("ring");
}
