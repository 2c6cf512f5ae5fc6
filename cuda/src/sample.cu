#include "../kernels/sample.cuh"

namespace aircache {

cudaError_t run_sample(const SampleParams& p, cudaStream_t stream) {
  if (p.rows == 0) return cudaSuccess;
  if (p.vocab < 1) return cudaErrorInvalidValue;
  const cudaError_t e = launch(survey_logits, dim3(kSampleSplits, p.rows), dim3(kSurveyThreads), 0, stream, p);
  if (e != cudaSuccess) return e;
  return launch(choose_token, dim3(p.rows), dim3(kChooseThreads), kMostCandidates * (sizeof(unsigned) + sizeof(int)), stream, p);
}

}  // namespace aircache
