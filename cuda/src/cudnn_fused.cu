#include "cudnn_fused.h"

#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "packed_prompt.h"

namespace aircache {

constexpr int kLeastVersion = 91000;    // paged keys with lengths on the device, at 9.10
constexpr int kMostRows = 8192;         // of a prompt's plan: shorter ones cost what they have
constexpr int kMostKeys = 1 << 17;      // likewise
constexpr int kMostPages = kMostKeys / kPageTokens;
constexpr int kLeastRows = 16;          // below, and
constexpr int kLeastKeys = 256;         // below, ours is as fast
constexpr size_t kMostPlans = 24;
constexpr int kWorth = 100;             // calls before 50 ms are spent on a plan of pictures, which saves 3 to 15 us a call
constexpr size_t kLengthsBytes = sizeof(PackedLengths) + kMostPages * sizeof(int32_t);

FusedAttention::~FusedAttention() {
  plans_.clear();
  if (handle_) cudnn_.destroy(handle_);
  for (void* memory : {static_cast<void*>(lengths_), static_cast<void*>(workspace_), static_cast<void*>(sums_)}) cudaFree(memory);
}

bool FusedAttention::open(std::string* why) {
  const char* wanted = getenv("AIRCACHE_CUDNN");
  if (wanted && strcmp(wanted, "0") == 0) {
    *why = "AIRCACHE_CUDNN is 0";
    return false;
  }
  if (!cudnn_.open(why)) return false;
  if (cudnn_.version() < kLeastVersion) {
    *why = "cuDNN " + std::to_string(cudnn_.version()) + " is older than " + std::to_string(kLeastVersion);
    return false;
  }
  Cudnn::Handle handle = nullptr;
  int status = cudnn_.create(&handle);
  if (status == 0 && cudaMalloc(reinterpret_cast<void**>(&lengths_), kLengthsBytes) != cudaSuccess) {
    cudaGetLastError();
    status = -1;
  }
  if (status != 0) {
    *why = "cuDNN does not start: status " + std::to_string(status);
    if (handle) cudnn_.destroy(handle);
    return false;
  }
  const bool always = wanted && strcmp(wanted, "always") == 0;
  handle_ = handle, least_rows_ = always ? 1 : kLeastRows, least_keys_ = always ? 1 : kLeastKeys, worth_ = always ? 1 : kWorth;
  return true;
}

AttentionPlan* FusedAttention::plan_for(const AttentionShape& shape, int worth) {
  const auto found = std::find_if(plans_.begin(), plans_.end(), [&](const Entry& e) { return e.plan->shape == shape; });
  if (found != plans_.end()) {
    std::rotate(found, found + 1, plans_.end());  // those not used for longest stand first
  } else {
    if (plans_.size() == kMostPlans) {
      cudaDeviceSynchronize();  // it may still run
      plans_.erase(plans_.begin());
    }
    plans_.push_back({std::make_unique<AttentionPlan>(cudnn_, handle_, shape), 0, false, false});
  }
  Entry& e = plans_.back();
  if (!e.compiled && ++e.asked >= worth) {
    std::string why;
    e.usable = e.plan->compile(&why), e.compiled = true;
  }
  return e.usable ? e.plan.get() : nullptr;
}

// take grows memory. What still runs may use the old one: cudaFree waits for it.
cudaError_t FusedAttention::take(char** memory, size_t* have, size_t bytes) {
  if (bytes <= *have) return cudaSuccess;
  cudaFree(*memory);
  *memory = nullptr, *have = 0;
  const cudaError_t e = cudaMalloc(reinterpret_cast<void**>(memory), bytes);
  if (e == cudaSuccess) *have = bytes;
  return e;
}

// run leaves what cannot have its memory, or what cuDNN refuses to start, to ours.
cudaError_t FusedAttention::run(AttentionPlan& plan, AttentionMemory memory, int64_t sums, cudaStream_t stream, bool* taken) {
  cudaError_t e = take(&workspace_, &workspace_bytes_, plan.workspace());
  if (e == cudaSuccess && !memory.log_sum) {
    e = take(&sums_, &sums_bytes_, size_t(sums) * sizeof(float));
    memory.log_sum = reinterpret_cast<float*>(sums_);
  }
  if (e == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return cudaSuccess;
  }
  if (e != cudaSuccess) return e;
  *taken = cudnn_.set_stream(handle_, stream) == 0 && plan.execute(memory, workspace_) == 0;
  return cudaGetLastError();
}

static AttentionShape prompt_shape(const Heads& h, int pages) {
  AttentionShape s = {1, h.query, h.kv, h.dim, kMostRows, kMostRows, h.width(), h.width(), true, 0};
  if (pages) s.keys = kMostKeys, s.key_stride = 0, s.pages = pages;
  return s;
}

cudaError_t FusedAttention::reserve(const Heads& heads, int pages, int rows) {
  if (!handle_ || rows < least_keys_) return cudaSuccess;
  for (int in_pages : {0, pages}) {
    AttentionPlan* plan = plan_for(prompt_shape(heads, in_pages), 1);
    if (!plan) continue;
    cudaError_t e = take(&workspace_, &workspace_bytes_, plan->workspace());
    if (e == cudaSuccess) e = take(&sums_, &sums_bytes_, size_t(kMostRows) * heads.query * sizeof(float));
    if (e != cudaSuccess && e != cudaErrorMemoryAllocation) return e;
    cudaGetLastError();  // ours needs none
  }
  return cudaSuccess;
}

cudaError_t FusedAttention::attend(const PrefillParams& p, int cached, const int32_t* table, int pages, cudaStream_t stream, bool* taken) {
  *taken = false;
  const Heads& h = p.heads;
  const int rows = p.batch.rows, keys = cached + rows;
  if (!handle_ || rows < least_rows_ || keys < least_keys_ || rows > kMostRows || keys > kMostKeys) return cudaSuccess;
  if (cached == 0) pages = 0;
  AttentionPlan* plan = plan_for(prompt_shape(h, pages), 1);
  if (!plan) return cudaSuccess;
  const int width = h.width();
  const PackedLengths lengths = {{rows}, {keys}, {0, rows * width}, {0, pages ? 0 : keys * width}, {0, rows * h.query * h.dim}, {0, rows * h.query}};
  int32_t* packed_table = reinterpret_cast<int32_t*>(lengths_ + 1);
  if (pages || memcmp(&lengths, &sent_, sizeof lengths) != 0) {
    const PackedPrompt prompt{lengths_, packed_table, kMostPages, pages ? table : nullptr, const_cast<bf16*>(p.pool), h};
    if (const cudaError_t e = run_pack_prompt(prompt, lengths, stream); e != cudaSuccess) return e;
    sent_ = lengths;
  }
  const bf16* key = pages ? p.pool : p.qkv + h.query * h.dim;
  const bf16* value = pages ? p.pool + int64_t(h.kv) * kPageTokens * h.dim : key + h.kv * h.dim;
  return run(*plan, {p.qkv, key, value, p.dst, p.log_sum, lengths_, packed_table}, int64_t(kMostRows) * h.query, stream, taken);
}

cudaError_t FusedAttention::mix(const MixParams& p, cudaStream_t stream, bool* taken) {
  *taken = false;
  const Heads& h = p.heads;
  if (!handle_ || p.rows < least_keys_ || p.rows > kMostRows) return cudaSuccess;
  AttentionPlan* plan = plan_for({p.sequences, h.query, h.kv, h.dim, p.rows, p.rows, h.width(), h.width(), false, 0}, worth_);
  if (!plan) return cudaSuccess;
  const bf16* key = p.qkv + h.query * h.dim;
  return run(*plan, {p.qkv, key, key + h.kv * h.dim, p.dst, nullptr, nullptr, nullptr}, int64_t(p.sequences) * p.rows * h.query, stream, taken);
}

}  // namespace aircache
