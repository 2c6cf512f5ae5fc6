#include "linear.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "cublaslt.h"
#include "elementwise.h"

namespace aircache {

constexpr size_t kWorkspace = 32 << 20;
constexpr int kCandidates = 8;
constexpr int kTimedRows = 512;           // longer products are prompts: any length comes, and the heuristic's first choice is good
constexpr float kOverlapWorth = 0.002f;    // ms that linear_stream may be slower alone: so much of it, 2.2 us on an H100, overlaps with its neighbours
constexpr int kAheadRows = 64;            // of a product that is bound by memory
constexpr size_t kColdBytes = 96 << 20;   // written between timings, so that no operand stays in the second-level cache

struct LinearKey {
  int m, n, k, out;
  bool bias, add;
  bool operator==(const LinearKey& o) const { return m == o.m && n == o.n && k == o.k && out == o.out && bias == o.bias && add == o.add; }
};

struct LinearHash {
  size_t operator()(const LinearKey& key) const {
    size_t h = 0;
    for (int v : {key.m, key.n, key.k, key.out * 4 + key.bias * 2 + key.add}) h = h * 1000003u ^ size_t(v);
    return h;
  }
};

// LinearPlan is a product of one shape. Column-major cuBLASLt computes dst^T = w x^T.
struct LinearPlan {
  CublasLt::Descriptor operation = nullptr, w = nullptr, x = nullptr, dst = nullptr;
  CublasLt::Algorithm algorithm;
  bool usable = false;    // by cuBLASLt
  bool streamed = false;  // by linear_stream, which was faster
};

struct Linear::State {
  CublasLt lt;
  CublasLt::Handle handle = nullptr;
  void* workspace = nullptr;
  bool own = true;
  int multiprocessors = 0;
  std::unordered_map<LinearKey, LinearPlan, LinearHash> plans;
  std::unordered_map<const void*, Matrix> next;  // weights by those before them
  const void* last = nullptr;                    // weights of the last product of few rows

  void follow(const Matrix& x, const Matrix& w);

  cudaError_t multiply(const LinearPlan& plan, const CublasLt::Algorithm& algorithm, void* dst, const Matrix& c, const Matrix& x, const Matrix& w, bool add, cudaStream_t stream) {
    const float one = 1, beta = add ? 1 : 0;
    const int status = lt.matmul(handle, plan.operation, &one, w.data, plan.w, x.data, plan.x, &beta, c.data, plan.dst, dst, plan.dst, &algorithm, workspace, kWorkspace, stream);
    return status == 0 ? cudaGetLastError() : cudaErrorUnknown;
  }

  void describe(LinearPlan& plan, const LinearKey& key, const Matrix& bias);
  std::vector<CublasLt::Heuristic> candidates(const LinearPlan& plan);
  cudaError_t fastest(LinearPlan& plan, const std::vector<CublasLt::Heuristic>& all, const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias, bool add, cudaStream_t stream);
};

Linear::Linear(bool own) : state_(new State) { state_->own = own; }

Linear::~Linear() {
  for (auto& entry : state_->plans) {
    LinearPlan& plan = entry.second;
    if (plan.operation) state_->lt.operation_destroy(plan.operation);
    for (CublasLt::Descriptor layout : {plan.w, plan.x, plan.dst})
      if (layout) state_->lt.layout_destroy(layout);
  }
  if (state_->workspace) cudaFree(state_->workspace);
  if (state_->handle) state_->lt.destroy(state_->handle);
}

bool Linear::open(std::string* error) {
  if (!state_->lt.open(error)) return false;
  if (const int status = state_->lt.create(&state_->handle); status != 0) {
    state_->handle = nullptr;
    *error = "cublasLtCreate failed with status " + std::to_string(status);
    return false;
  }
  if (const cudaError_t e = cudaMalloc(&state_->workspace, kWorkspace); e != cudaSuccess) {
    *error = std::string("allocating cuBLASLt's workspace: ") + cudaGetErrorString(e);
    return false;
  }
  int device = 0;
  return cudaGetDevice(&device) == cudaSuccess && cudaDeviceGetAttribute(&state_->multiprocessors, cudaDevAttrMultiProcessorCount, device) == cudaSuccess;
}

int Linear::version() const { return state_->handle ? int(state_->lt.version()) : 0; }

void Linear::State::describe(LinearPlan& plan, const LinearKey& key, const Matrix& bias) {
  const int out = key.out == AIRCACHE_F32 ? CublasLt::kR32F : CublasLt::kR16BF, transpose = CublasLt::kTranspose;
  lt.operation_create(&plan.operation, CublasLt::kCompute32F, CublasLt::kR32F);
  lt.operation_set(plan.operation, CublasLt::kTransposeA, &transpose, sizeof transpose);
  if (key.bias) {
    const int epilogue = CublasLt::kEpilogueBias;
    lt.operation_set(plan.operation, CublasLt::kEpilogue, &epilogue, sizeof epilogue);
    lt.operation_set(plan.operation, CublasLt::kBiasPointer, &bias.data, sizeof bias.data);
  }
  lt.layout_create(&plan.w, CublasLt::kR16BF, key.k, key.n, key.k);
  lt.layout_create(&plan.x, CublasLt::kR16BF, key.k, key.m, key.k);
  lt.layout_create(&plan.dst, out, key.n, key.m, key.n);
}

std::vector<CublasLt::Heuristic> Linear::State::candidates(const LinearPlan& plan) {
  std::vector<CublasLt::Heuristic> found(kCandidates);
  CublasLt::Descriptor preference = nullptr;
  int got = 0;
  if (lt.preference_create(&preference) == 0) {
    lt.preference_set(preference, CublasLt::kPreferMaxWorkspace, &kWorkspace, sizeof kWorkspace);
    const uint32_t reductions = CublasLt::kReduceInFloat;
    lt.preference_set(preference, CublasLt::kPreferReductions, &reductions, sizeof reductions);
    if (lt.heuristic(handle, plan.operation, plan.w, plan.x, plan.dst, plan.dst, preference, kCandidates, found.data(), &got) != 0) got = 0;
    lt.preference_destroy(preference);
  }
  found.resize(got);
  found.erase(std::remove_if(found.begin(), found.end(), [](const CublasLt::Heuristic& h) { return h.state != 0; }), found.end());
  return found;
}

// Stopwatch times work from cold caches. Results go to memory of its own: with add, dst must be added to once only.
class Stopwatch {
 public:
  cudaError_t open(size_t result) {
    cudaError_t e = cudaMalloc(reinterpret_cast<void**>(&room), std::max(result, kColdBytes));
    if (e == cudaSuccess) e = cudaEventCreate(&start_);
    if (e == cudaSuccess) e = cudaEventCreate(&stop_);
    return e;
  }
  ~Stopwatch() {
    if (start_) cudaEventDestroy(start_);
    if (stop_) cudaEventDestroy(stop_);
    cudaFree(room);
  }

  // least is the shortest of three runs behind one that does not count; 0 where work does not run.
  template <class Work>
  cudaError_t least(Work work, cudaStream_t stream, float* ms) {
    *ms = 0;
    for (int turn = 0; turn < 4; turn++) {
      cudaError_t e = cudaMemsetAsync(room, 0, kColdBytes, stream);
      if (e == cudaSuccess) e = cudaEventRecord(start_, stream);
      const bool works = work(room) == cudaSuccess;
      if (e == cudaSuccess) e = cudaEventRecord(stop_, stream);
      if (e == cudaSuccess) e = cudaEventSynchronize(stop_);
      float took = 0;
      if (e == cudaSuccess) e = cudaEventElapsedTime(&took, start_, stop_);
      if (e != cudaSuccess) return e;
      if (!works) return *ms = 0, cudaSuccess;
      if (turn > 0) *ms = turn == 1 ? took : std::min(*ms, took);
    }
    return cudaSuccess;
  }

  char* room = nullptr;

 private:
  cudaEvent_t start_ = nullptr, stop_ = nullptr;
};

// fastest leaves in plan what took least.
cudaError_t Linear::State::fastest(LinearPlan& plan, const std::vector<CublasLt::Heuristic>& all, const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias, bool add, cudaStream_t stream) {
  Stopwatch watch;
  if (const cudaError_t e = watch.open(count(dst) * value_bytes(dst.type)); e == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return cudaSuccess;  // the heuristic's first choice stays
  } else if (e != cudaSuccess) {
    return e;
  }
  float best = 1e30f, took;
  for (const CublasLt::Heuristic& candidate : all) {
    const cudaError_t e = watch.least([&](void* to) { return multiply(plan, candidate.algorithm, to, dst, x, w, add, stream); }, stream, &took);
    if (e != cudaSuccess) return e;
    if (took > 0 && took < best) best = took, plan.algorithm = candidate.algorithm;
  }
  if (!plan.streamed) return cudaSuccess;
  const cudaError_t e = watch.least([&](void* to) { return run_linear_stream(Matrix{to, dst.rows, dst.cols, dst.type, 0}, x, w, bias, add, multiprocessors, stream); }, stream, &took);
  plan.streamed = took > 0 && took < best + (kernels_overlap() ? kOverlapWorth : 0);
  return e;
}

// follow notes which weights come after which.
void Linear::State::follow(const Matrix& x, const Matrix& w) {
  if (x.rows > kAheadRows) {
    last = nullptr;
    return;
  }
  if (last) next[last] = w;
  last = w.data;
}

Ahead Linear::ahead(size_t bytes) const {
  const auto found = state_->next.find(state_->last);
  if (!state_->last || found == state_->next.end()) return Ahead();
  const Matrix& w = found->second;
  const size_t all = count(w) * value_bytes(w.type);
  return {static_cast<const char*>(w.data), int(std::min(bytes, all) / 128)};
}

void Linear::forget() { state_->next.clear(), state_->last = nullptr; }

// suits says whether cuBLASLt takes these operands at its usual alignment.
static bool suits(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias) {
  return x.type == AIRCACHE_BF16 && w.type == AIRCACHE_BF16 && x.cols % 8 == 0 && dst.cols % 8 == 0 && wide(8, dst.data, x.data, w.data, bias.data);
}

cudaError_t Linear::run(const Matrix& dst, const Matrix& x, const Matrix& w, const Matrix& bias, bool add, bool timed, cudaStream_t stream, std::string* error) {
  if (x.rows == 0) return cudaSuccess;
  state_->follow(x, w);
  if (!state_->handle) return run_linear_plain(dst, x, w, bias, add, stream);
  const bool library = suits(dst, x, w, bias), streams = state_->own && stream_suits(dst, x, w, bias);
  if (!library) return streams ? run_linear_stream(dst, x, w, bias, add, state_->multiprocessors, stream) : run_linear_plain(dst, x, w, bias, add, stream);
  const bool fused = bias.data && bias.type == dst.type;  // its epilogue adds a bias of the result's type only
  const LinearKey key{x.rows, w.rows, x.cols, dst.type, fused, add};
  auto found = state_->plans.find(key);
  if (found == state_->plans.end()) {
    LinearPlan plan;
    state_->describe(plan, key, bias);
    const std::vector<CublasLt::Heuristic> all = state_->candidates(plan);
    plan.usable = !all.empty(), plan.streamed = streams;
    if (plan.usable) {
      plan.algorithm = all[0].algorithm;
      const bool worth = timed && key.m <= kTimedRows && all.size() + streams > 1;
      if (const cudaError_t e = worth ? state_->fastest(plan, all, dst, x, w, bias, add, stream) : cudaSuccess; e != cudaSuccess) return e;
    }
    found = state_->plans.emplace(key, plan).first;
  }
  const LinearPlan& plan = found->second;
  if (plan.streamed && streams) return run_linear_stream(dst, x, w, bias, add, state_->multiprocessors, stream);
  if (!plan.usable) return run_linear_plain(dst, x, w, bias, add, stream);
  if (fused) state_->lt.operation_set(plan.operation, CublasLt::kBiasPointer, &bias.data, sizeof bias.data);
  cudaError_t e = state_->multiply(plan, plan.algorithm, dst.data, dst, x, w, add, stream);
  if (e == cudaErrorUnknown) *error = "cuBLASLt refused a product of " + std::to_string(key.m) + " x " + std::to_string(key.n) + " x " + std::to_string(key.k);
  if (e == cudaSuccess && bias.data && !fused) e = run_add(dst, Matrix{bias.data, 1, bias.cols, bias.type, 0}, stream);
  return e;
}

}  // namespace aircache
