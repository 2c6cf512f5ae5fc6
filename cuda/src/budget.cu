#include "../kernels/budget.cuh"

namespace aircache {

cudaError_t run_moments(const MomentParams& p, cudaStream_t stream) {
  if (p.visual < 1) return cudaErrorInvalidValue;
  return launch(moments, dim3(p.layers), dim3(kMomentThreads), 0, stream, p);
}

cudaError_t run_budgets(const BudgetParams& p, cudaStream_t stream) {
  if (p.visual < 1 || p.layers < 1 || p.layers > kMostLayers || p.quotas < 1 || p.quotas > kMostQuotas) return cudaErrorInvalidValue;
  for (int q = 0; q < p.quotas; q++)
    if (p.permille[q] < 0 || p.permille[q] > 1000) return cudaErrorInvalidValue;
  return launch(budgets, dim3(1), dim3(p.quotas * kWarp), 0, stream, p);
}

}  // namespace aircache
