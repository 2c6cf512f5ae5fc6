#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attend_prefill.h"
#include "cudnn_attention.h"

namespace aircache {

// FusedAttention is cuDNN's attention for prompts and pictures: about twice as fast as ours on Hopper where a prompt is long. It does
// what the library takes; the rest is ours. Plans are compiled once a shape: a prompt's lengths lie on the device, so that two plans
// serve all prompts of a model, one for keys in the fused qkv and one for keys in pages.
class FusedAttention {
 public:
  ~FusedAttention();
  // open finds the library; why says what is missing. Without it everything is ours. AIRCACHE_CUDNN=0 does without, and with "always" the
  // library gets what it is slower at too, so that tests come by.
  bool open(std::string* why);
  int version() const { return handle_ ? int(cudnn_.version()) : 0; }

  // reserve compiles the plans of a model's prompts and takes their memory: 1 s that the first prompt would wait else. rows are the longest
  // prompt's; a prompt that is short never comes here.
  cudaError_t reserve(const Heads& heads, int pages, int rows);

  // attend and mix queue the whole attention; taken is false where it is left to ours. attend: the batch is one sequence, with so many rows
  // in the cache before it; table is the list of its pages on the device, pages are those of the pool. The last page's rows behind the
  // sequence's are cleared. mix compiles a plan when a shape has come often enough to be worth it.
  cudaError_t attend(const PrefillParams& p, int cached, const int32_t* table, int pages, cudaStream_t stream, bool* taken);
  cudaError_t mix(const MixParams& p, cudaStream_t stream, bool* taken);

 private:
  struct Entry {
    std::unique_ptr<AttentionPlan> plan;
    int asked;
    bool compiled, usable;
  };
  // plan_for gives the plan of a shape, which it compiles when that was asked for so often; or null.
  AttentionPlan* plan_for(const AttentionShape& shape, int worth);
  cudaError_t take(char** memory, size_t* have, size_t bytes);
  cudaError_t run(AttentionPlan& plan, AttentionMemory memory, int64_t sums, cudaStream_t stream, bool* taken);

  Cudnn cudnn_;
  Cudnn::Handle handle_ = nullptr;
  int least_rows_, least_keys_, worth_;
  std::vector<Entry> plans_;
  PackedLengths* lengths_ = nullptr;  // on the device, the table of pages behind it
  PackedLengths sent_ = {};           // what lies there
  char *workspace_ = nullptr, *sums_ = nullptr;
  size_t workspace_bytes_ = 0, sums_bytes_ = 0;
};

}  // namespace aircache
