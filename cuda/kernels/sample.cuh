// sample chooses a token of every row of logits.
//
//   survey_logits  largest logit, its token, sum of exponentials          grid (16, rows)
//   choose_token   greedy: nothing more. Else one block a row             grid (rows)
//
// Probabilities are integers of 2^-40 of the best token's, so that sums do not depend on their order. What lies at a point of
// the kept shares, best first, is found as top_k and top_p are: bit by bit, the largest threshold such that what ranks there or
// above weighs more than the point. This runs over the tokens near the best, in shared memory: as many as fit, where they suffice; over
// the whole row where they do not (a flat distribution: 2 ms).
//
// Bytes: 4 a logit, once: 152k x 32 rows: 19 MB, 6.5 us at 3.0 TB/s. A drawn row is read twice more by one block, some 15 us, and a
// place in the ranking takes 33 sums over the candidates, some 10 us.
#pragma once

#include "../src/sample.h"
#include "reduce.cuh"
#include "softmax.cuh"

namespace aircache {

constexpr int kSurveyThreads = 256, kChooseThreads = 1024;
constexpr int kMostCandidates = 12288;  // 96 KiB of shared memory: every GPU from sm_80 on has them
constexpr int kReaches = 6, kAhead = 8;   // loads in flight for each thread

using Mass = unsigned long long;

__device__ __forceinline__ bool is_broken(float logit) { return !(logit <= 3.4e38f); }

__global__ void __launch_bounds__(kSurveyThreads) static survey_logits(SampleParams p) {
  __shared__ float scratch[kSurveyThreads / kWarp];
  __shared__ int counts[kSurveyThreads / kWarp];
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
  if (threadIdx.x == 0) p.survey[row * kSampleSplits + blockIdx.x] = {highest, sum, token, broken};
}

// merge_surveys is what the whole row holds; every thread comes to the same.
__device__ inline LogitSurvey merge_surveys(const LogitSurvey* part) {
  LogitSurvey all = part[0];
  for (int i = 1; i < kSampleSplits; i++) {
    const LogitSurvey& x = part[i];
    all.broken |= x.broken;
    if (x.top > all.top) {
      all.sum = all.sum * shrink(all.top * kLog2E, x.top * kLog2E) + x.sum;
      all.top = x.top, all.token = x.token;
    } else if (x.top > minus_infinity()) {
      all.sum += x.sum * shrink(x.top * kLog2E, all.top * kLog2E);
    }
  }
  return all;
}

// logit_key orders logits as unsigned numbers; -0 becomes 0, which it equals.
__device__ __forceinline__ unsigned logit_key(float x) {
  const unsigned u = __float_as_uint(x + 0.0f);
  return u & 0x80000000u ? ~u : u | 0x80000000u;
}
__device__ __forceinline__ float logit_of(unsigned key) { return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key); }

// Tokens is a list of tokens with their logits: the candidates in shared memory, or the whole row.
struct Tokens {
  const unsigned* keys;  // null: the row
  const int* ids;
  const float* logits;
  int count;
  float top, steepness;  // mass = 2^((logit - top) * steepness)

  __device__ unsigned key(int i) const { return keys ? keys[i] : logit_key(logits[i]); }
  __device__ int id(int i) const { return keys ? ids[i] : i; }
  __device__ Mass mass_of(float logit) const { return Mass(exp2_fast((logit - top) * steepness) * 1099511627776.0f); }
  __device__ Mass mass(unsigned key) const { return mass_of(logit_of(key)); }
};

struct ChooseScratch {
  Mass masses[kChooseThreads / kWarp];
  int counts[kChooseThreads / kWarp];
  int near[kReaches][kChooseThreads / kWarp];  // tokens in a warp's stretch, for every reach
  Mass stretches[kChooseThreads / kWarp];      // their masses
  int found;
};

// reach_of is how far below the best, in temperatures, candidates may lie: the widest of six that fits is taken.
__device__ __forceinline__ float reach_of(int i) { return i == 0 ? 12.f : i == 1 ? 9.f : i == 2 ? 7.f : i == 3 ? 5.f : i == 4 ? 3.f : 1.5f; }

// Stretch is a warp's part of a row, which it reads 32 tokens at a time.
struct Stretch {
  int from, to;
  __device__ static Stretch of(int warp, int count) {
    const int each = (count + kChooseThreads - 1) / kChooseThreads * kWarp;
    return {min(count, warp * each), min(count, (warp + 1) * each)};
  }
};

// load_ahead brings the lane's next logits of a stretch; beyond its end there is -infinity.
__device__ __forceinline__ void load_ahead(float (&x)[kAhead], const float* logits, int first, int to) {
#pragma unroll
  for (int u = 0; u < kAhead; u++) {
    const int i = first + u * kWarp + int(threadIdx.x) % kWarp;
    x[u] = i < to ? logits[i] : minus_infinity();
  }
}

// weigh adds up, over the keys at or above a threshold, their masses or their number.
__device__ inline Mass weigh(ChooseScratch& s, const Tokens& list, unsigned threshold, bool by_mass) {
  Mass sum = 0;
  for (int i = threadIdx.x; i < list.count; i += kChooseThreads) {
    const unsigned key = list.key(i);
    if (key >= threshold) sum += by_mass ? list.mass(key) : 1;
  }
  return block_sum(sum, s.masses);
}

// Place is a token's in the ranking: its key, how many equal ones come before it, and the mass up to and with it.
struct Place {
  unsigned key;
  int before;
  Mass reached;
};

// find_place is the token, best first, at which the sum of masses (or numbers) passes point; all of them pass it.
__device__ inline Place find_place(ChooseScratch& s, const Tokens& list, Mass point, bool by_mass) {
  unsigned key = 0;
  for (int bit = 31; bit >= 0; bit--)
    if (weigh(s, list, key | 1u << bit, by_mass) > point) key |= 1u << bit;
  const bool last = key == 0xffffffffu;
  const Mass above = last ? 0 : weigh(s, list, key + 1, by_mass), each = by_mass ? list.mass(key) : 1;
  const int before = int((point - above) / each);
  const Mass mass_above = by_mass || last ? above : weigh(s, list, key + 1, true);
  return {key, before, mass_above + Mass(before + 1) * list.mass(key)};
}

// token_at is the id of the before-th of the tokens with a key, in the order of ids.
__device__ inline int token_at(ChooseScratch& s, const Tokens& list, const Place& place) {
  const int each = (list.count + kChooseThreads - 1) / kChooseThreads, from = min(list.count, int(threadIdx.x) * each), to = min(list.count, from + each);
  int mine = 0, total;
  for (int i = from; i < to; i++) mine += list.key(i) == place.key;
  int before = block_prefix(mine, s.counts, total);
  for (int i = from; i < to; i++)
    if (list.key(i) == place.key && before++ == place.before) s.found = list.id(i);
  __syncthreads();
  return s.found;
}

// token_at_mass is the token, in the order of ids, at which the masses pass point: it lies in one warp's stretch.
__device__ inline int token_at_mass(ChooseScratch& s, const Tokens& row, Mass point) {
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  Mass before = 0;
  for (int w = 0; w < warp; w++) before += s.stretches[w];
  if (before <= point && point < before + s.stretches[warp]) {
    const Stretch mine = Stretch::of(warp, row.count);
    for (int first = mine.from; first < mine.to; first += kAhead * kWarp) {
      float x[kAhead];
      load_ahead(x, row.logits, first, mine.to);
#pragma unroll
      for (int u = 0; u < kAhead; u++) {
        const Mass here = row.mass_of(x[u]), reached = before + warp_prefix(here);
        if (reached - here <= point && point < reached) s.found = first + u * kWarp + lane;
        before = __shfl_sync(kAllLanes, reached, kWarp - 1);
      }
    }
  }
  __syncthreads();
  return s.found;
}

__device__ __forceinline__ Mass cut_at(double share, Mass total) {
  const Mass point = Mass(share * double(total));
  return point < total ? point : total - 1;
}

// survey_stretches adds up masses and counts tokens near the best, a warp a stretch; total is the mass of the row. It returns the widest
// reach whose tokens fit into shared memory, or kReaches.
__device__ inline int survey_stretches(ChooseScratch& s, const Tokens& row, Mass& total) {
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const Stretch mine = Stretch::of(warp, row.count);
  int near[kReaches] = {};
  Mass mass = 0;
  for (int first = mine.from; first < mine.to; first += kAhead * kWarp) {
    float x[kAhead];
    load_ahead(x, row.logits, first, mine.to);
#pragma unroll
    for (int u = 0; u < kAhead; u++) {
      const float below = (row.top - x[u]) * row.steepness;
      mass += row.mass_of(x[u]);
#pragma unroll
      for (int i = 0; i < kReaches; i++) near[i] += below <= reach_of(i) * kLog2E;
    }
  }
#pragma unroll
  for (int i = 0; i < kReaches; i++) {
    near[i] = warp_sum(near[i]);
    if (lane == 0) s.near[i][warp] = near[i];
  }
  mass = warp_sum(mass);
  if (lane == 0) s.stretches[warp] = mass;
  __syncthreads();
  total = 0;
  for (int w = 0; w < kChooseThreads / kWarp; w++) total += s.stretches[w];
  for (int i = 0; i < kReaches; i++) {
    int count = 0;
    for (int w = 0; w < kChooseThreads / kWarp; w++) count += s.near[i][w];
    if (count <= kMostCandidates) return i;
  }
  return kReaches;
}

// gather_candidates fills shared memory with the tokens near the best, in the order of ids. The list is the whole row where they are
// too many.
__device__ inline Tokens gather_candidates(ChooseScratch& s, const Tokens& row, Mass& total) {
  unsigned* keys = reinterpret_cast<unsigned*>(dynamic_shared_memory());
  int* ids = reinterpret_cast<int*>(keys + kMostCandidates);
  const int reach = survey_stretches(s, row, total);
  if (reach == kReaches) return row;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  int at = 0, count = 0;
  for (int w = 0; w < kChooseThreads / kWarp; w++) {
    if (w < warp) at += s.near[reach][w];
    count += s.near[reach][w];
  }
  const Stretch mine = Stretch::of(warp, row.count);
  for (int first = mine.from; first < mine.to; first += kAhead * kWarp) {
    float x[kAhead];
    load_ahead(x, row.logits, first, mine.to);
#pragma unroll
    for (int u = 0; u < kAhead; u++) {
      const bool is_near = (row.top - x[u]) * row.steepness <= reach_of(reach) * kLog2E;
      const unsigned all = __ballot_sync(kAllLanes, is_near);
      if (is_near) {
        const int place = at + __popc(all & ((1u << lane) - 1));
        keys[place] = logit_key(x[u]);
        ids[place] = first + u * kWarp + lane;
      }
      at += __popc(all);
    }
  }
  __syncthreads();
  return {keys, ids, nullptr, count, row.top, row.steepness};
}

// draw_token draws among what top_k and top_p leave.
__device__ inline int draw_token(ChooseScratch& s, const Tokens& row, const Tokens& near, Mass total, const aircache_draw& draw) {
  const bool by_rank = draw.top_k > 0 && draw.top_k < row.count, by_share = draw.top_p > 0 && draw.top_p < 1;
  if (!by_rank && !by_share) return token_at_mass(s, row, cut_at(draw.point, total));
  const bool suffices = by_rank ? draw.top_k <= near.count : double(weigh(s, near, 0, true)) > draw.top_p * double(total);
  const Tokens& list = suffices ? near : row;
  Mass kept = total;
  if (by_rank) kept = find_place(s, list, Mass(draw.top_k - 1), false).reached;
  if (by_share) kept = find_place(s, list, cut_at(draw.top_p, kept), true).reached;
  return token_at(s, list, find_place(s, list, cut_at(draw.point, kept), true));
}

// list_alternatives writes the best tokens, one after the other.
__device__ inline void list_alternatives(ChooseScratch& s, const Tokens& list, aircache_choice& choice, int count, float log_sum) {
  Mass last = ~Mass(0);
  for (int n = 0; n < count; n++) {
    Mass best = 0;  // key, and of equal keys the lower id
    for (int i = threadIdx.x; i < list.count; i += kChooseThreads) {
      const Mass rank = Mass(list.key(i)) << 32 | unsigned(~list.id(i));
      if (rank < last && rank > best) best = rank;
    }
    last = block_max(best, s.masses);
    if (threadIdx.x == 0) {
      choice.alternative[n] = int(~unsigned(last));
      choice.alternative_log_prob[n] = logit_of(unsigned(last >> 32)) - log_sum;
    }
  }
}

__global__ void __launch_bounds__(kChooseThreads) static choose_token(SampleParams p) {
  __shared__ ChooseScratch s;
  const int row = blockIdx.x;
  const aircache_draw draw = p.draw[row];
  const LogitSurvey all = merge_surveys(p.survey + row * kSampleSplits);
  aircache_choice& choice = p.choice[row];
  int token = all.token;
  const bool possible = !all.broken && all.top > minus_infinity();
  const float log_sum = all.top + logf(all.sum);
  const Tokens everything{nullptr, nullptr, p.logits + int64_t(row) * p.vocab, p.vocab, all.top, draw.temperature > 0 ? kLog2E / max(draw.temperature, 1e-5f) : kLog2E};
  if (possible && (draw.temperature > 0 || draw.top > 0)) {
    Mass total;
    const Tokens near = gather_candidates(s, everything, total);
    if (draw.temperature > 0) token = draw_token(s, everything, near, total, draw);
    const int top = min(min(draw.top, AIRCACHE_ALTERNATIVES), p.vocab);
    list_alternatives(s, near.count >= top ? near : everything, choice, top, log_sum);
  }
  if (threadIdx.x > 0) return;
  for (int n = p.vocab; n < AIRCACHE_ALTERNATIVES; n++) choice.alternative[n] = -1;
  choice.token = possible ? token : -1;
  choice.log_prob = possible ? everything.logits[token] - log_sum : 0;
  if (p.slot && p.slot[row] >= 0) p.last[p.slot[row]] = possible ? token : 0;
}

}  // namespace aircache
