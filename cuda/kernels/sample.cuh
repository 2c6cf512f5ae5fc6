// sample chooses a token of every row of logits.
//
//   survey_logits  largest logit, its token, sum of exponentials                 grid (16, rows)
//   weigh_logits   where a token is drawn: how many lie near the best, and what they weigh, for 128 stretches   grid (16, rows)
//   choose_token   greedy: nothing more. Else see ranking.cuh                    grid (rows)
//
// Probabilities are integers of 2^-40 of the best token's, so that sums do not depend on their order.
//
// Bytes: 4 a logit, once; twice where a token is drawn: 152k x 32 rows: 19 MB, 6.5 us at 3.0 TB/s.
#pragma once

#include "ranking.cuh"

namespace aircache {

constexpr int kSurveyThreads = kSampleWarps * kWarp;

__device__ __forceinline__ bool is_broken(float logit) { return !(logit <= 3.4e38f); }

__global__ void __launch_bounds__(kSurveyThreads) static survey_logits(SampleParams p) {
  __shared__ float scratch[kSampleWarps];
  __shared__ int counts[kSampleWarps];
  let_next_kernel_start();
  wait_for_previous_kernel();
  const int row = blockIdx.y, share = (p.vocab + kSampleSplits - 1) / kSampleSplits, from = blockIdx.x * share, to = min(p.vocab, from + share);
  const float* logits = p.logits + int64_t(row) * p.vocab;
  float top = minus_infinity(), sum = 0;
  int token = p.vocab, broken = 0;
  for (int i = from + threadIdx.x; i < to; i += kSurveyThreads) {
    broken |= is_broken(logits[i]);
    if (logits[i] > top) top = logits[i], token = i;
  }
  const float highest = block_max(top, scratch);
  token = -block_max(top == highest ? -token : -p.vocab, counts);
  broken = block_max(broken, counts);
  for (int i = from + threadIdx.x; i < to; i += kSurveyThreads)
    if (highest > minus_infinity()) sum += exp2_fast((logits[i] - highest) * kLog2E);
  sum = block_sum(sum, scratch);
  if (threadIdx.x > 0) return;
  LogitSurvey& out = p.survey[row * kSampleSplits + blockIdx.x];
  out.top = highest, out.sum = sum, out.token = token, out.broken = broken;
}

// Best is what the whole row holds.
struct Best {
  float top, sum;
  int token;
  bool possible;  // a softmax can use the logits
};

// merge_surveys is the same in every thread.
__device__ inline Best merge_surveys(const LogitSurvey* part) {
  Best all = {minus_infinity(), 0, 0, true};
  for (int i = 0; i < kSampleSplits; i++) {
    const float top = part[i].top, sum = part[i].sum;
    if (part[i].broken) all.possible = false;
    if (top > all.top) {
      all.sum = all.sum * shrink(all.top * kLog2E, top * kLog2E) + sum;
      all.top = top, all.token = part[i].token;
    } else if (top > minus_infinity()) {
      all.sum += sum * shrink(top * kLog2E, all.top * kLog2E);
    }
  }
  if (!(all.top > minus_infinity())) all.possible = false;
  return all;
}

__device__ __forceinline__ bool is_drawn(const aircache_draw& draw) { return draw.temperature > 0 || draw.top > 0; }

__device__ __forceinline__ Row row_of(const SampleParams& p, int row, const aircache_draw& draw, float top) {
  return {p.logits + int64_t(row) * p.vocab, p.vocab, top, kLog2E / (draw.temperature > 0 ? max(draw.temperature, 1e-5f) : 1.0f)};
}

__global__ void __launch_bounds__(kSurveyThreads) static weigh_logits(SampleParams p) {
  const int index = blockIdx.y, warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const aircache_draw draw = p.draw[index];
  LogitSurvey* survey = p.survey + index * kSampleSplits;
  let_next_kernel_start();
  wait_for_previous_kernel();
  if (!is_drawn(draw)) return;
  const Row row = row_of(p, index, draw, merge_surveys(survey).top);
  const Stretch mine = Stretch::of(blockIdx.x * kSampleWarps + warp, p.vocab);
  int near[kLevels] = {};
  Mass mass[kLevels] = {};
  for (int first = mine.from; first < mine.to; first += kAhead * kWarp) {
    float x[kAhead];
    load_ahead(x, row.logits, first, mine.to);
#pragma unroll
    for (int u = 0; u < kAhead; u++) {
      const float depth = row.depth(x[u]);
      const Mass weight = row.mass(x[u]);
      const bool inside = first + u * kWarp + lane < mine.to;
#pragma unroll
      for (int i = 0; i < kLevels; i++)
        if (inside && depth <= level_depth(i)) near[i]++, mass[i] += weight;
    }
  }
#pragma unroll
  for (int i = 0; i < kLevels; i++) {
    near[i] = warp_sum(near[i]);
    mass[i] = warp_sum(mass[i]);
    if (lane > 0) continue;
    survey[blockIdx.x].stretch[warp].near[i] = near[i];
    survey[blockIdx.x].stretch[warp].mass[i] = mass[i];
  }
}

// list_alternatives writes the best tokens, one after the other.
__device__ inline void list_alternatives(Ranking& ranking, aircache_choice& choice, int count, float log_sum) {
  const Tokens& list = ranking.best(count);
  Mass last = ~Mass(0);
  for (int n = 0; n < count; n++) {
    Mass best = 0;  // key, and of equal keys the lower id
    for (int i = threadIdx.x; i < list.count; i += kChooseThreads) {
      const Mass rank = Mass(list.key(i)) << 32 | unsigned(~list.id(i));
      if (rank < last && rank > best) best = rank;
    }
    last = block_max(best, ranking.s.masses);
    if (threadIdx.x == 0) {
      choice.alternative[n] = int(~unsigned(last));
      choice.alternative_log_prob[n] = logit_of(unsigned(last >> 32)) - log_sum;
    }
  }
}

// draw_token draws among what top_k and top_p leave.
__device__ inline int draw_token(Ranking& ranking, const aircache_draw& draw) {
  const bool by_rank = draw.top_k > 0 && draw.top_k < ranking.row.count, by_share = draw.top_p > 0 && draw.top_p < 1;
  Mass kept = ranking.total();
  if (!by_rank && !by_share) return ranking.in_order_of_ids(cut_at(draw.point, kept));
  if (by_rank) kept = ranking.find(Mass(draw.top_k - 1), false).reached;
  if (by_share) kept = ranking.find(cut_at(draw.top_p, kept), true).reached;
  return ranking.token(ranking.find(cut_at(draw.point, kept), true));
}

__global__ void __launch_bounds__(kChooseThreads) static choose_token(SampleParams p) {
  __shared__ RankingScratch scratch;
  const int row = blockIdx.x;
  const aircache_draw draw = p.draw[row];
  wait_for_previous_kernel();
  const Best best = merge_surveys(p.survey + row * kSampleSplits);
  const float log_sum = best.top + logf(best.sum);
  aircache_choice& choice = p.choice[row];
  int token = best.token;
  if (best.possible && is_drawn(draw)) {
    Ranking ranking(scratch, row_of(p, row, draw, best.top), p.survey + row * kSampleSplits);
    if (draw.temperature > 0) token = draw_token(ranking, draw);
    list_alternatives(ranking, choice, min(min(draw.top, AIRCACHE_ALTERNATIVES), p.vocab), log_sum);
  }
  if (threadIdx.x > 0) return;
  choice.token = best.possible ? token : -1;
  choice.log_prob = best.possible ? p.logits[int64_t(row) * p.vocab + token] - log_sum : 0;
  if (p.slot && p.slot[row] >= 0) p.last[p.slot[row]] = best.possible ? token : 0;
}

}  // namespace aircache
