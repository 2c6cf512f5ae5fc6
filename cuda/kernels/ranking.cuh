// A row's tokens, best first, without sorting them.
//
// weigh_logits has counted and weighed the tokens down to eight depths below the best. So it is known between which two depths the
// token lies at which a count or a mass is passed; those tokens alone are brought to shared memory, and the token is found bit by bit: the
// largest threshold such that what ranks there or above weighs more. Where more tokens lie between two depths than fit (a flat
// distribution), the same runs over the whole row, at some 2 ms.
#pragma once

#include "../src/sample.h"
#include "reduce.cuh"
#include "softmax.cuh"

namespace aircache {

constexpr int kChooseThreads = 1024;
constexpr int kStretches = kSampleSplits * kSampleWarps;
constexpr int kMostCandidates = 12288;  // 96 KiB of shared memory: every GPU from sm_80 on has them
constexpr int kAhead = 8;               // loads in flight for each thread

using Mass = unsigned long long;

// level_depth is how far below the best, in bits of probability, the tokens of a level lie at most.
__device__ __forceinline__ float level_depth(int i) {
  return i == 0 ? 1.5f : i == 1 ? 3.f : i == 2 ? 5.f : i == 3 ? 7.f : i == 4 ? 9.5f : i == 5 ? 13.f : i == 6 ? 18.f : -minus_infinity();
}

// logit_key orders logits as unsigned numbers; -0 becomes 0, which it equals.
__device__ __forceinline__ unsigned logit_key(float x) {
  const unsigned u = __float_as_uint(x + 0.0f);
  return u & 0x80000000u ? ~u : u | 0x80000000u;
}
__device__ __forceinline__ float logit_of(unsigned key) { return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key); }

__device__ __forceinline__ Mass cut_at(double share, Mass total) {
  const Mass point = Mass(share * double(total));
  return point < total ? point : total - 1;
}

// Row is a row of logits; a token weighs 2^-depth.
struct Row {
  const float* logits;
  int count;
  float top, steepness;

  __device__ float depth(float logit) const { return (top - logit) * steepness; }
  __device__ Mass mass(float logit) const { return Mass(exp2_fast(-depth(logit)) * 1099511627776.0f); }
};

// Stretch is a warp's part of a row, which it reads 32 tokens at a time.
struct Stretch {
  int from, to;
  __device__ static Stretch of(int stretch, int count) {
    const int each = (count + kStretches * kWarp - 1) / (kStretches * kWarp) * kWarp;
    return {min(count, stretch * each), min(count, (stretch + 1) * each)};
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

// Tokens is a list of tokens: some in shared memory, or the whole row.
struct Tokens {
  const unsigned* keys;  // null: the row
  const int* ids;
  Row row;
  int count;

  __device__ unsigned key(int i) const { return keys ? keys[i] : logit_key(row.logits[i]); }
  __device__ int id(int i) const { return keys ? ids[i] : i; }
  __device__ Mass mass(unsigned key) const { return row.mass(logit_of(key)); }
};

// Place is a token's in the ranking: its key, how many equal ones come before it, and the mass up to and with it.
struct Place {
  unsigned key;
  int before;
  Mass reached;
};

struct RankingScratch {
  Mass masses[kChooseThreads / kWarp], level_mass[kLevels];
  int counts[kChooseThreads / kWarp], level_near[kLevels], base[kStretches];
  int found;
};

struct Ranking {
  RankingScratch& s;
  const Row row;
  const LogitSurvey* survey;
  Tokens list;
  int low, high;  // the list is the tokens deeper than level low, down to level high

  __device__ Ranking(RankingScratch& s, const Row& row, const LogitSurvey* survey)
      : s(s), row(row), survey(survey), list{nullptr, nullptr, row, 0}, low(-2), high(-2) {
    const int level = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
    if (level < kLevels) {
      int near = 0;
      Mass mass = 0;
      for (int i = lane; i < kStretches; i += kWarp) near += stretch(i).near[level], mass += stretch(i).mass[level];
      near = warp_sum(near);
      mass = warp_sum(mass);
      if (lane == 0) s.level_near[level] = near, s.level_mass[level] = mass;
    }
    __syncthreads();
  }

  __device__ const StretchSurvey& stretch(int i) const { return survey[i / kSampleWarps].stretch[i % kSampleWarps]; }
  __device__ Mass total() const { return s.level_mass[kLevels - 1]; }
  __device__ int near(int level) const { return level < 0 ? 0 : s.level_near[level]; }
  __device__ Mass mass(int level) const { return level < 0 ? 0 : s.level_mass[level]; }

  // bring fills the list with the tokens of the levels after `from`, up to `to`, in the order of ids; all of the row where they do not fit.
  __device__ void bring(int from, int to) {
    unsigned* keys = reinterpret_cast<unsigned*>(dynamic_shared_memory());
    int* ids = reinterpret_cast<int*>(keys + kMostCandidates);
    const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, count = near(to) - near(from);
    if (count > kMostCandidates) {
      list = {nullptr, nullptr, row, row.count};
      low = -1, high = kLevels - 1;
      return;
    }
    int all;
    const int here = threadIdx.x < kStretches ? stretch(threadIdx.x).near[to] - (from < 0 ? 0 : stretch(threadIdx.x).near[from]) : 0;
    const int before = block_prefix(here, s.counts, all);
    if (threadIdx.x < kStretches) s.base[threadIdx.x] = before;
    __syncthreads();
    for (int i = warp; i < kStretches; i += kChooseThreads / kWarp) {
      const Stretch mine = Stretch::of(i, row.count);
      int at = s.base[i];
      for (int first = mine.from; first < mine.to; first += kAhead * kWarp) {
        float x[kAhead];
        load_ahead(x, row.logits, first, mine.to);
#pragma unroll
        for (int u = 0; u < kAhead; u++) {
          const float depth = row.depth(x[u]);
          const int id = first + u * kWarp + lane;
          const bool is_in = id < mine.to && depth <= level_depth(to) && (from < 0 || !(depth <= level_depth(from)));
          const unsigned mask = __ballot_sync(kAllLanes, is_in);
          if (is_in) {
            const int place = at + __popc(mask & ((1u << lane) - 1));
            keys[place] = logit_key(x[u]);
            ids[place] = id;
          }
          at += __popc(mask);
        }
      }
    }
    __syncthreads();
    list = {keys, ids, row, count};
    low = from, high = to;
  }

  // best is a list that holds the `count` best tokens.
  __device__ const Tokens& best(int count) {
    int level = 0;
    while (level < kLevels - 1 && near(level) < count) level++;
    if (!(low == -1 && level <= high)) bring(-1, level);
    return list;
  }

  // find is the token, best first, at which the sum of masses (or numbers) passes point; all of them pass it.
  __device__ Place find(Mass point, bool by_mass) {
    auto reached = [&](int level) { return by_mass ? mass(level) : Mass(near(level)); };
    int level = 0;
    while (level < kLevels - 1 && reached(level) <= point) level++;
    if (!(low >= -1 && low < level && level <= high)) bring(near(level) <= kMostCandidates ? -1 : level - 1, level);
    const Place place = find_in_list(point - reached(low), by_mass);
    return {place.key, place.before, place.reached + mass(low)};
  }

  // weigh adds up, over the list's keys at or above a threshold, their masses or their number.
  __device__ Mass weigh(unsigned threshold, bool by_mass) {
    Mass sum = 0;
    for (int i = threadIdx.x; i < list.count; i += kChooseThreads) {
      const unsigned key = list.key(i);
      if (key >= threshold) sum += by_mass ? list.mass(key) : 1;
    }
    return block_sum(sum, s.masses);
  }

  __device__ Place find_in_list(Mass point, bool by_mass) {
    unsigned key = 0;
    for (int bit = 31; bit >= 0; bit--)
      if (weigh(key | 1u << bit, by_mass) > point) key |= 1u << bit;
    const bool last = key == 0xffffffffu;
    const Mass above = last ? 0 : weigh(key + 1, by_mass), each = by_mass ? list.mass(key) : 1;
    const int before = int((point - above) / each);
    const Mass mass_above = by_mass || last ? above : weigh(key + 1, true);
    return {key, before, mass_above + Mass(before + 1) * list.mass(key)};
  }

  // token is the id of the place's token: of the list's tokens with its key, in the order of ids, the one with `before` before it.
  __device__ int token(const Place& place) {
    const int each = (list.count + kChooseThreads - 1) / kChooseThreads;
    const int from = min(list.count, int(threadIdx.x) * each), to = min(list.count, from + each);
    int mine = 0, all;
    for (int i = from; i < to; i++) mine += list.key(i) == place.key;
    int before = block_prefix(mine, s.counts, all);
    for (int i = from; i < to; i++)
      if (list.key(i) == place.key && before++ == place.before) s.found = list.id(i);
    __syncthreads();
    return s.found;
  }

  // in_order_of_ids is the token at which the masses pass point, from id 0 on: it lies in one stretch, which one warp walks along.
  __device__ int in_order_of_ids(Mass point) {
    const int lane = threadIdx.x % kWarp;
    if (threadIdx.x < kWarp) {
      Mass before = 0;
      int i = 0;
      for (;; i += kWarp) {
        const Mass here = stretch(i + lane).mass[kLevels - 1], passed = before + warp_prefix(here);
        const unsigned after = __ballot_sync(kAllLanes, point < passed);
        if (after) {
          const int first = __popc((after & -after) - 1);
          i += first;
          before = __shfl_sync(kAllLanes, passed - here, first);
          break;
        }
        before = __shfl_sync(kAllLanes, passed, kWarp - 1);
      }
      const Stretch mine = Stretch::of(i, row.count);
      for (int first = mine.from; first < mine.to; first += kWarp) {
        const Mass here = first + lane < mine.to ? row.mass(row.logits[first + lane]) : 0, passed = before + warp_prefix(here);
        if (passed - here <= point && point < passed) s.found = first + lane;
        before = __shfl_sync(kAllLanes, passed, kWarp - 1);
      }
    }
    __syncthreads();
    return s.found;
  }
};

}  // namespace aircache
