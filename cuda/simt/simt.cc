#include "simt.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

// simt_switch(save, load) leaves one stack and goes on with another; the registers that a call preserves travel on the stack.
asm(R"(
.text
.globl simt_switch
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
extern "C" void simt_switch(void** save, void* load);

namespace simt {

constexpr size_t kStack = 128 << 10;

struct Copy { void* to; const void* from; size_t bytes, filled; };

struct Warp {
  unsigned char slot[4][32][16];  // a product reads two while a lane that is ahead fills the third
  int live = 0, arrived = 0;
  unsigned generation = 0;
};

struct Block;

struct Thread {
  uint3 index;
  int lane, phase = 0;
  Warp* warp;
  Block* block;
  unsigned cluster_generation = 0;
  void* stack = nullptr;
  bool done = false;
  std::vector<std::vector<Copy>> groups;
  std::vector<Copy> open;
};

struct Block {
  int live = 0, arrived = 0;
  unsigned generation = 0;
  std::vector<Warp> warps;
  std::vector<std::unique_ptr<Thread>> threads;
  std::vector<unsigned char> shared;
  dim3 index;
  int rank = 0;
};

// Cluster is the blocks that run side by side; its counters are those of a barrier of all their threads.
struct Cluster {
  int live = 0, arrived = 0;
  unsigned generation = 0;
  std::vector<std::unique_ptr<Block>> blocks;
};

Thread* now;
dim3 block_index, block_size, grid_size;

static Cluster cluster;
static void* scheduler;
static const std::function<void()>* kernel;
static std::vector<unsigned char*> stacks;
static uint64_t progress;

const uint3& thread_index() { return now->index; }
int lane() { return now->lane; }
static unsigned char* shared_of(Block& b) { return reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(b.shared.data()) + 127) & ~uintptr_t(127)); }
unsigned char* dynamic_shared() { return shared_of(*now->block); }
int cluster_rank() { return now->block->rank; }

static void yield() {
  Thread* t = now;
  simt_switch(&t->stack, scheduler);
}

// arrive counts a thread at a barrier of `live` threads and waits for the rest.
template <class Barrier>
static void arrive(Barrier& b) {
  progress++;
  const unsigned generation = b.generation;
  if (++b.arrived == b.live) {
    b.arrived = 0;
    b.generation++;
  }
  while (b.generation == generation) yield();
}

template <class Barrier>
static void leave(Barrier& b) {
  b.live--;
  if (b.live > 0 && b.arrived == b.live) {
    b.arrived = 0;
    b.generation++;
  }
}

void sync_block() { arrive(*now->block); }

void arrive_in_cluster() {
  progress++;
  now->cluster_generation = cluster.generation;
  if (++cluster.arrived == cluster.live) cluster.arrived = 0, cluster.generation++;
}

void wait_for_cluster() {
  while (cluster.generation == now->cluster_generation) yield();
  progress++;
}

const void* of_block(const void* at, int rank, size_t bytes) {
  const size_t offset = static_cast<const unsigned char*>(at) - dynamic_shared();
  if (offset + bytes > now->block->shared.size() - 128) {
    std::fprintf(stderr, "simt: memory of another block at %zu of %zu\n", offset, now->block->shared.size() - 128);
    std::abort();
  }
  return shared_of(*cluster.blocks[rank]) + offset;
}
void sync_warp() { arrive(*now->warp); }

const unsigned char (*deposit(const void* value, size_t bytes))[16] {
  Thread* t = now;
  auto& slot = t->warp->slot[t->phase = (t->phase + 1) % 4];
  std::memcpy(slot[t->lane], value, bytes);
  arrive(*t->warp);
  return slot;
}

void copy_async(void* to, const void* from, size_t bytes, size_t filled) {
  std::memset(to, 0xff, bytes);
  now->open.push_back({to, from, bytes, filled});
}

void commit_copies() {
  now->groups.push_back(std::move(now->open));
  now->open.clear();
}

void wait_copies(int in_flight) {
  auto& groups = now->groups;
  const int landing = int(groups.size()) - in_flight;
  for (int i = 0; i < landing; i++)
    for (const Copy& c : groups[i]) {
      std::memset(c.to, 0, c.bytes);
      std::memcpy(c.to, c.from, c.filled);
    }
  if (landing > 0) groups.erase(groups.begin(), groups.begin() + landing);
}

static float half_of(uint32_t pair, int which) { return __uint_as_float(which ? pair & 0xffff0000u : pair << 16); }

// mma: c[16 x 8] += a[16 x 16] b[16 x 8]; lane l holds rows l/4 and l/4+8, columns 2(l%4) and the next.
void mma(float c[4], const uint32_t a[4], const uint32_t b[2]) {
  auto left = deposit(a, 16);
  auto right = deposit(b, 8);
  const int row = now->lane / 4, column = now->lane % 4 * 2;
  for (int i = 0; i < 4; i++) {
    const int r = row + i / 2 * 8, n = column + i % 2;
    float sum = 0;
    for (int k = 0; k < 16; k++) {
      uint32_t x, y;
      std::memcpy(&x, left[r % 8 * 4 + k % 8 / 2] + 4 * (r / 8 + k / 8 * 2), 4);
      std::memcpy(&y, right[n * 4 + k % 8 / 2] + 4 * (k / 8), 4);
      sum += half_of(x, k % 2) * half_of(y, k % 2);
    }
    c[i] += sum;
  }
}

// load_matrices: four 8 x 8 matrices of 16-bit values; lanes 8i..8i+7 name the rows of matrix i.
void load_matrices(uint32_t r[4], const void* address, bool transposed) {
  auto rows = deposit(&address, sizeof address);
  const int lane = now->lane;
  for (int i = 0; i < 4; i++) {
    uint16_t pair[2];
    for (int j = 0; j < 2; j++) {
      const int row = transposed ? lane % 4 * 2 + j : lane / 4, column = transposed ? lane / 4 : lane % 4 * 2 + j;
      const unsigned char* start;
      std::memcpy(&start, rows[8 * i + row], sizeof start);
      if (reinterpret_cast<uintptr_t>(start) % 16) {
        std::fprintf(stderr, "simt: a matrix row at %p is not 16-byte aligned\n", (const void*)start);
        std::abort();
      }
      std::memcpy(&pair[j], start + 2 * column, 2);
    }
    std::memcpy(&r[i], pair, 4);
  }
}

uint32_t transpose_matrix(uint32_t r) {
  auto all = deposit(&r, 4);
  const int row = now->lane / 4, column = now->lane % 4 * 2;
  uint16_t pair[2];
  for (int j = 0; j < 2; j++) std::memcpy(&pair[j], all[(column + j) * 4 + row / 2] + 2 * (row % 2), 2);
  std::memcpy(&r, pair, 4);
  return r;
}

static void enter() {
  (*kernel)();
  Thread* t = now;
  wait_copies(0);
  t->done = true;
  progress++;
  leave(*t->warp);
  leave(*t->block);
  leave(cluster);
  yield();
}

static void start(Thread& t, size_t i) {
  while (stacks.size() <= i) {
    void* m = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED) std::abort();
    stacks.push_back(static_cast<unsigned char*>(m));
  }
  void** top = reinterpret_cast<void**>(stacks[i] + kStack) - 1;  // a call leaves the stack 8 bytes off a multiple of 16
  *--top = reinterpret_cast<void*>(&enter);
  t.stack = top - 6;
}

static void run_cluster(const std::vector<int>& order) {
  size_t stack = 0;
  for (auto& b : cluster.blocks)
    for (auto& t : b->threads) start(*t, stack++);
  while (cluster.live > 0) {
    const uint64_t before = progress;
    for (auto& b : cluster.blocks) {
      block_index = b->index;
      for (int i : order) {
        now = b->threads[i].get();
        if (!now->done) simt_switch(&scheduler, now->stack);
      }
    }
    if (progress == before) {
      std::fprintf(stderr, "simt: block %u %u %u waits at a barrier that not all threads reach\n", block_index.x, block_index.y, block_index.z);
      std::abort();
    }
  }
}

static std::vector<int> thread_order(int threads) {
  std::vector<int> order(threads);
  std::iota(order.begin(), order.end(), 0);
  if (const char* seed = std::getenv("AIRCACHE_SIMT_ORDER"); seed && std::atoi(seed) > 0) std::shuffle(order.begin(), order.end(), std::mt19937(std::atoi(seed)));
  return order;
}

static void add_block(dim3 index, dim3 size, size_t shared) {
  const int threads = size.x * size.y * size.z;
  cluster.blocks.push_back(std::make_unique<Block>());
  Block& block = *cluster.blocks.back();
  block.index = index, block.rank = int(cluster.blocks.size()) - 1;
  block.warps.resize((threads + 31) / 32);
  block.shared.assign(shared + 128, 0xff);
  block.live = threads;
  cluster.live += threads;
  for (int i = 0; i < threads; i++) {
    auto t = std::make_unique<Thread>();
    t->index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
    t->lane = i % 32;
    t->block = &block;
    t->warp = &block.warps[i / 32];
    t->warp->live++;
    block.threads.push_back(std::move(t));
  }
}

static void execute(dim3 grid, dim3 size, size_t shared, int together, const std::function<void()>& body) {
  const int threads = size.x * size.y * size.z;
  grid_size = grid, block_size = size, kernel = &body;
  const std::vector<int> order = thread_order(threads);
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x += together) {
        cluster = Cluster();
        for (int rank = 0; rank < together; rank++) add_block(dim3(x + rank, y, z), size, shared);
        run_cluster(order);
      }
}

cudaError_t run(dim3 grid, dim3 size, size_t shared, const std::function<void()>& body, int together) {
  const int threads = size.x * size.y * size.z;
  if (threads == 0 || threads > 1024 || shared > 232448 || grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535 || grid.x % together) return cudaErrorInvalidConfiguration;
  return queue([=] { execute(grid, size, shared, together, body); });
}

}  // namespace simt
