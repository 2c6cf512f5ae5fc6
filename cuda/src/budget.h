#pragma once

#include "../kernels/pages.cuh"

namespace aircache {

constexpr int kMostLayers = 128;
constexpr int kMostQuotas = 8;  // the retention asked for, and the points of the recall curve

// MomentParams: of each layer's scores (those under 0 are padding and do not count) their sum, and their skewness, at least 0.
struct MomentParams {
  const float* score;        // [layers, visual]
  const float* strength_of;  // [layers, visual] whose sum is the strength instead, or null
  double2* moments;          // [layers] strength, skewness
  int* fault;                // [layers] set where a score is neither finite nor padding
  int layers, visual;
};

enum LayerBudget { kAdaptive, kByStrength, kBySkewness, kUniform };

// BudgetParams shares each quota among the layers. The first one is the one to apply: it also says where the layers' rows go.
struct BudgetParams {
  const double2* moments;
  int layers, visual, quotas;
  int permille[kMostQuotas];
  LayerBudget how;
  int* budget;  // [quotas, layers]
  int text;     // rows that stay in every layer
  int* rows;    // [layers] rows of the first quota: text and budget
  int* table;   // [layers] where the layer's pages start among the fresh ones
  int* used;    // fresh pages in use, of pages_for(text + N) * layers at most
};

cudaError_t run_moments(const MomentParams& p, cudaStream_t stream);
cudaError_t run_budgets(const BudgetParams& p, cudaStream_t stream);

}  // namespace aircache
