#include "../kernels/packed_prompt.cuh"

namespace aircache {

cudaError_t run_pack_prompt(const PackedPrompt& p, const PackedLengths& lengths, cudaStream_t stream) {
  return launch(pack_prompt, dim3(p.pages ? 32 : 1), dim3(kPackedThreads), 0, stream, p, lengths);
}

}  // namespace aircache
