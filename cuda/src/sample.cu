#include "../kernels/sample.cuh"

namespace aircache {

cudaError_t run_sample(const SampleParams& p, cudaStream_t stream) {
  if (p.rows == 0) return cudaSuccess;
  if (p.vocab < 1) return cudaErrorInvalidValue;
  const dim3 grid(kSampleSplits, p.rows), block(kSurveyThreads);
  cudaError_t e = launch(survey_logits, grid, block, 0, stream, p);
  if (e == cudaSuccess) e = launch(weigh_logits, grid, block, 0, stream, p);
  if (e != cudaSuccess) return e;
  return launch(choose_token, dim3(p.rows), dim3(kChooseThreads), kMostCandidates * (sizeof(unsigned) + sizeof(int)), stream, p);
}

}  // namespace aircache
