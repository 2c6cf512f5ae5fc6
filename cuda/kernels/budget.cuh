// From scores to how many rows each layer keeps (runtime/compress/weights.go and quota.go are the same in Go).
//
//   moments  strength and skewness of a layer: one block a layer, sums in double, threads then warps then block
//   budgets  one warp a quota: weights, lambda by search, largest remainders
//
// Bytes: 4 a score, read three times from the second-level cache: 0.9 MB at 28 x 8192. Latency decides: the search takes some 17 turns, in
// each of which a lane adds up all layers.
#pragma once

#include "../src/budget.h"
#include "reduce.cuh"

namespace aircache {

constexpr int kMomentThreads = 512;

__global__ void __launch_bounds__(kMomentThreads) static moments(MomentParams p) {
  __shared__ double scratch[kMomentThreads / kWarp];
  __shared__ int counts[kMomentThreads / kWarp];
  const int layer = blockIdx.x;
  const float* score = p.score + int64_t(layer) * p.visual;
  const float* other = p.strength_of ? p.strength_of + int64_t(layer) * p.visual : score;

  int first = 0, broken = 0;  // first as p.visual - index, so that the lowest index is the maximum
  double strength = 0, shown = 0;
  for (int v = threadIdx.x; v < p.visual; v += kMomentThreads) {
    const float x = score[v];
    if (x == -1.0f) continue;
    broken |= !(x >= 0 && x <= 3.0e38f && other[v] >= 0 && other[v] <= 3.0e38f);
    first = max(first, p.visual - v);
    strength += other[v];
    shown += 1;
  }
  if (broken) p.fault[layer] = 1;
  first = p.visual - block_max(first, counts);
  strength = block_sum(strength, scratch);
  const double n = block_sum(shown, scratch);

  // Relative to the first score, so that equal ones give exactly 0 and not a quotient of rounding errors.
  const double shift = first < p.visual ? score[first] : 0;
  double sum = 0, square = 0, cube = 0;
  for (int v = threadIdx.x; v < p.visual; v += kMomentThreads)
    if (score[v] != -1.0f) sum += score[v] - shift;
  const double mean = block_sum(sum, scratch) / n;
  for (int v = threadIdx.x; v < p.visual; v += kMomentThreads) {
    if (score[v] == -1.0f) continue;
    const double d = score[v] - shift - mean;
    square += d * d;
    cube += d * d * d;
  }
  square = block_sum(square, scratch);
  cube = block_sum(cube, scratch);
  if (threadIdx.x > 0) return;
  const double deviation = sqrt(square / (n - 1));
  const double skewness = n >= 3 && deviation > 0 ? n / ((n - 1) * (n - 2)) * cube / (deviation * deviation * deviation) : 0;
  p.moments[layer] = make_double2(strength, skewness > 0 ? skewness : 0);
}

// Shares is one warp's quota, a lane takes every 32nd layer.
struct Shares {
  double weight[kMostLayers], ordered[kMostLayers], share[kMostLayers], remainder[kMostLayers];
  int rows[kMostLayers], order[kMostLayers];
};

// add_ratios adds half (or all) of each layer's value over the mean; 1 where the mean is 0.
__device__ inline void add_ratios(Shares& s, const BudgetParams& p, bool skewness, double part) {
  const int lane = threadIdx.x % kWarp;
  auto value = [&](int l) { return skewness ? p.moments[l].y : p.moments[l].x; };
  double largest = 0, mean = 0;
  for (int l = lane; l < p.layers; l += kWarp) largest = max(largest, value(l));
  largest = warp_max(largest);
  for (int l = lane; l < p.layers; l += kWarp) mean += largest > 0 ? value(l) / largest / p.layers : 0;
  mean = warp_sum(mean);
  for (int l = lane; l < p.layers; l += kWarp) s.weight[l] += part * (largest > 0 ? value(l) / largest / mean : 1);
}

__device__ inline void fill_weights(Shares& s, const BudgetParams& p) {
  const int lane = threadIdx.x % kWarp;
  for (int l = lane; l < p.layers; l += kWarp) s.weight[l] = p.how == kUniform ? 1 : 0;
  if (p.how == kAdaptive || p.how == kByStrength) add_ratios(s, p, false, p.how == kAdaptive ? .5 : 1);
  if (p.how == kAdaptive || p.how == kBySkewness) add_ratios(s, p, true, p.how == kAdaptive ? .5 : 1);
  for (int l = lane; l < p.layers; l += kWarp) s.weight[l] = max(1e-6, s.weight[l]);
}

// fill_shares: share = clip(lambda * weight, least, most), lambda such that they add up to total. Each turn tries 32 points of what is left
// of the line, a lane one. Weights are added in ascending order, as the oracle adds them: the last bit is the same.
__device__ inline void fill_shares(Shares& s, int layers, double least, double most, double total) {
  const int lane = threadIdx.x % kWarp;
  for (int l = lane; l < layers; l += kWarp) {
    int rank = 0;
    for (int m = 0; m < layers; m++) rank += s.weight[m] < s.weight[l] || (s.weight[m] == s.weight[l] && m < l);
    s.ordered[rank] = s.weight[l];
  }
  __syncwarp();
  double low = 0, high = most / s.ordered[0];
  for (int turn = 0; turn < 64; turn++) {
    const double mine = lane == kWarp - 1 ? high : low + (high - low) * (lane + 1) / kWarp;
    double sum = 0;
    for (int l = 0; l < layers; l++) sum += min(max(mine * s.ordered[l], least), most);
    const unsigned enough = __ballot_sync(kAllLanes, sum >= total) | 1u << (kWarp - 1);
    const int first = __popc((enough & -enough) - 1);
    const double top = __shfl_sync(kAllLanes, mine, first), bottom = first > 0 ? __shfl_sync(kAllLanes, mine, first - 1) : low;
    if (bottom <= low && top >= high) break;
    low = bottom, high = top;
  }
  for (int l = lane; l < layers; l += kWarp) s.share[l] = min(max(high * s.weight[l], least), most);
}

// round_shares: floors, then the largest remainders one more, ties to the lower layer, until the rows add up to total.
__device__ inline void round_shares(Shares& s, int layers, int least, int most, int64_t total) {
  const double crumb = 1e-6;  // two remainders nearer than this are a tie
  const int lane = threadIdx.x % kWarp;
  int sum = 0;
  for (int l = lane; l < layers; l += kWarp) {
    s.rows[l] = min(max(int(floor(s.share[l] + crumb)), least), most);
    s.remainder[l] = round((s.share[l] - s.rows[l]) / crumb);
    sum += s.rows[l];
  }
  sum = warp_sum(sum);
  __syncwarp();
  for (int l = lane; l < layers; l += kWarp) {
    int rank = 0;
    for (int m = 0; m < layers; m++) rank += s.remainder[m] > s.remainder[l] || (s.remainder[m] == s.remainder[l] && m < l);
    s.order[rank] = l;
  }
  __syncwarp();
  if (lane == 0) {
    int64_t left = total - sum;
    while (left > 0)
      for (int i = 0; i < layers && left > 0; i++)
        if (s.rows[s.order[i]] < most) s.rows[s.order[i]]++, left--;
    while (left < 0)
      for (int i = layers - 1; i >= 0 && left < 0; i--)
        if (s.rows[s.order[i]] > least) s.rows[s.order[i]]--, left++;
  }
  __syncwarp();
}

__global__ void __launch_bounds__(kMostQuotas * kWarp) static budgets(BudgetParams p) {
  __shared__ Shares shares[kMostQuotas];
  const int quota = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  if (quota >= p.quotas) return;
  Shares& s = shares[quota];
  const int64_t n = p.visual, permille = p.permille[quota];
  const int least = int(max(int64_t(1), min((n + 99) / 100, permille * n / 1000)));
  int64_t total = (permille * n * p.layers + 500) / 1000;
  total = min(max(total, int64_t(least) * p.layers), n * p.layers);
  fill_weights(s, p);
  __syncwarp();
  fill_shares(s, p.layers, least, p.visual, double(total));
  __syncwarp();
  round_shares(s, p.layers, least, p.visual, total);
  for (int l = lane; l < p.layers; l += kWarp) p.budget[quota * p.layers + l] = s.rows[l];
  if (quota > 0 || lane > 0 || !p.rows) return;
  int pages = 0;
  for (int l = 0; l < p.layers; l++) {
    p.rows[l] = p.text + s.rows[l];
    p.table[l] = pages;
    pages += pages_for(p.rows[l]);
  }
  *p.used = pages;
}

}  // namespace aircache
