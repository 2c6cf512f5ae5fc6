#pragma once

#include "../aircache.h"
#include "../kernels/platform.cuh"

namespace aircache {

constexpr int kSampleSplits = 16;  // blocks that look at a row of logits
constexpr int kSampleWarps = 8;    // of such a block
constexpr int kLevels = 8;         // how far below the best a token lies

// StretchSurvey is what a warp found in its stretch of a row: tokens up to each level, and what they weigh.
struct StretchSurvey {
  unsigned long long mass[kLevels];
  int near[kLevels];
};

// LogitSurvey is what a block found in its part of a row.
struct LogitSurvey {
  float top, sum;  // largest logit, sum of e^(logit - top)
  int token;       // of top; the lower id on a tie
  int broken;      // a logit is NaN or +infinity
  StretchSurvey stretch[kSampleWarps];  // where a token is drawn
};

// SampleParams chooses a token of every row of logits, as runtime/sampling does: temperature, then top_k, then top_p, one draw. The
// draw is a point from 0 to below 1; the kept tokens' shares are laid end to end, in the order of ids where all are kept and best first
// where not, and cut there.
struct SampleParams {
  const float* logits;  // [rows, vocab]; -infinity: never
  int rows, vocab;
  const aircache_draw* draw;  // [rows]
  const int* slot;            // [rows] where to leave the token, or -1; null: nowhere
  int* last;                  // [slots]
  aircache_choice* choice;    // [rows]
  LogitSurvey* survey;        // [rows, kSampleSplits] scratch
};

cudaError_t run_sample(const SampleParams& p, cudaStream_t stream);

}  // namespace aircache
