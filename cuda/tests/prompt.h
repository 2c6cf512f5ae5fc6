// A random prefilled prompt: text, a picture, text that observes it; on the host and on the device.
#pragma once

#include "../ref/score.h"
#include "../src/score.h"
#include "step.h"

namespace aircache {

struct TestPrompt {
  ref::Prompt host;
  std::vector<int> visual;
  int layers, rows;
  std::unique_ptr<TestStep> step;
  std::unique_ptr<Buffer<bf16>> pool;
  std::vector<std::unique_ptr<Buffer<bf16>>> query;
  std::unique_ptr<Buffer<const bf16*>> queries;
  std::unique_ptr<Buffer<int>> row, visual_rows;

  // sink makes the first row one to which a part of the heads pays nearly everything: its key is so many times as long.
  TestPrompt(Heads h, int layers, int before, int picture, int observed, Random& random, float sink = 0) : layers(layers), rows(before + picture + observed) {
    const StepShape shape{h, layers, {1}, std::vector<std::vector<int>>(layers, {rows - 1})};
    step.reset(new TestStep(shape, random));
    std::vector<bf16> values = cached_values(shape, *step, random, 1);
    for (int l = 0; l < layers && sink > 0; l++)
      for (int head = 0; head < h.kv; head++)
        for (int i = 0; i < h.dim; i++)
          values[(size_t(step->host.pages[step->host.table[l]]) * 2 * h.kv + head) * kPageTokens * h.dim + i] = __float2bfloat16(random.normal(sink));
    pool.reset(new Buffer<bf16>(values));
    host.cache = {h, widen(values)};
    host.pages = step->host.pages;
    host.table = step->host.table;
    std::vector<const bf16*> pointers;
    for (int l = 0; l < layers; l++) {
      const std::vector<bf16> q = random.normals(size_t(observed) * h.query * h.dim);
      host.query.push_back(widen(q));
      query.emplace_back(new Buffer<bf16>(q));
      pointers.push_back(query.back()->data);
    }
    queries.reset(new Buffer<const bf16*>(pointers));
    for (int i = 0; i < picture; i++) visual.push_back(before + i);
    for (int i = 0; i < observed; i++) host.row.push_back(before + picture + i);
    row.reset(new Buffer<int>(host.row));
    visual_rows.reset(new Buffer<int>(visual));
  }

  Observed device() const {
    return {queries->data, pool->data, step->pages->data, step->table->data, row->data, int(host.row.size()), layers, host.cache.heads};
  }
};

}  // namespace aircache
