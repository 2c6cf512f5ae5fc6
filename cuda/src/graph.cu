// Graphs: a step's launches, recorded once and sent as one.
#include "context.h"

namespace aircache {

int32_t keep_choices(aircache_context* c) {
  Choices& s = c->sampled[c->samples++ % AIRCACHE_BATCHES];
  s.batch = c->batches, s.sequences = c->step.batch.sequences;
  const size_t bytes = size_t(s.sequences) * sizeof(aircache_choice);
  AIRCACHE_TRY(check(c, cudaEventSynchronize(s.here), "waiting for earlier choices"));
  AIRCACHE_TRY(grow(c, &s.list, bytes, "allocating pinned memory for choices"));
  AIRCACHE_TRY(check(c, cudaMemcpyAsync(s.list.data, c->choices.data, bytes, cudaMemcpyDeviceToHost, c->stream), "copying choices"));
  return check(c, cudaEventRecord(s.here, c->stream), "copying choices");
}

struct Graph {
  cudaGraphExec_t executable = nullptr;
  bool samples = false;
};

}  // namespace aircache

using namespace aircache;

int32_t aircache_capture_begin(aircache_graph_params* p) {
  AIRCACHE_ENTER(p);
  if (c->capturing) return fail(c, AIRCACHE_ARGUMENT, "capturing a graph: one is being captured");
  AIRCACHE_TRY(check(c, cudaStreamBeginCapture(c->stream, cudaStreamCaptureModeRelaxed), "capturing a graph"));
  c->capturing = true, c->captured_sample = false;
  return AIRCACHE_OK;
}

int32_t aircache_capture_end(aircache_graph_params* p) {
  AIRCACHE_ENTER(p);
  p->graph = nullptr;
  if (!c->capturing) return fail(c, AIRCACHE_ARGUMENT, "ending a capture: none was begun");
  c->capturing = false;
  cudaGraph_t recorded = nullptr;
  AIRCACHE_TRY(check(c, cudaStreamEndCapture(c->stream, &recorded), "ending a capture"));
  size_t nodes = 0;
  Graph* graph = new Graph;
  graph->samples = c->captured_sample;
  cudaError_t e = cudaGraphGetNodes(recorded, nullptr, &nodes);
  if (e == cudaSuccess) e = cudaGraphInstantiate(&graph->executable, recorded, 0);
  cudaGraphDestroy(recorded);
  if (e != cudaSuccess) {
    delete graph;
    return check(c, e, "making a graph");
  }
  p->graph = graph, p->nodes = int32_t(nodes);
  return AIRCACHE_OK;
}

int32_t aircache_graph_launch(aircache_graph_params* p) {
  AIRCACHE_ENTER(p);
  const Graph* graph = static_cast<const Graph*>(p->graph);
  if (!graph || c->capturing) return fail(c, AIRCACHE_ARGUMENT, "launching a graph: %s", graph ? "one is being captured" : "there is none");
  AIRCACHE_TRY(check(c, cudaGraphLaunch(graph->executable, c->stream), "launching a graph"));
  return graph->samples ? keep_choices(c) : int32_t(AIRCACHE_OK);
}

int32_t aircache_graph_free(aircache_graph_params* p) {
  AIRCACHE_ENTER(p);
  Graph* graph = static_cast<Graph*>(p->graph);
  if (!graph) return AIRCACHE_OK;
  const cudaError_t e = cudaGraphExecDestroy(graph->executable);
  delete graph;
  p->graph = nullptr;
  return check(c, e, "freeing a graph");
}

int32_t aircache_sampled(aircache_sampled_params* p) {
  AIRCACHE_ENTER(p);
  for (const Choices& s : c->sampled) {
    if (p->batch < 1 || s.batch != p->batch) continue;
    AIRCACHE_TRY(check(c, cudaEventSynchronize(s.here), "waiting for choices"));
    p->count = s.sequences;
    p->choice = reinterpret_cast<aircache_choice*>(s.list.data);
    return AIRCACHE_OK;
  }
  return fail(c, AIRCACHE_ARGUMENT, "asking for choices: batch %d was not sampled, or is gone", p->batch);
}
