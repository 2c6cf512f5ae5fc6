#include "../kernels/sample.cuh"

namespace aircache {

cudaError_t run_sample(const SampleParams& p, cudaStream_t stream) {
  if (p.rows == 0) return cudaSuccess;
  if (p.vocab < 1) return cudaErrorInvalidValue;
  const dim3 grid(kSampleSplits, p.rows), block(kSurveyThreads);
  cudaError_t e = launch(survey_logits, overlapping(grid, block, stream), p);
  if (e == cudaSuccess) e = launch(weigh_logits, overlapping(grid, block, stream), p);
  if (e != cudaSuccess) return e;
  return launch(choose_token, overlapping(dim3(p.rows), dim3(kChooseThreads), stream, kMostCandidates * (sizeof(unsigned) + sizeof(int))), p);
}

}  // namespace aircache
