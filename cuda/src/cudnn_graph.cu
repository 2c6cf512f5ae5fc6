#include "cudnn_graph.h"

#include <algorithm>

namespace aircache {

CudnnGraph::~CudnnGraph() {
  for (size_t i = all_.size(); i-- > 0;) cudnn_.descriptor_destroy(all_[i]);
}

Cudnn::Descriptor CudnnGraph::create(Cudnn::Kind kind) {
  Cudnn::Descriptor d = nullptr;
  if (!refused_.empty()) return d;
  if (const int status = cudnn_.descriptor_create(kind, &d); status != 0) {
    refused_ = "creating a descriptor of kind " + std::to_string(kind) + ": status " + std::to_string(status);
    return nullptr;
  }
  all_.push_back(d);
  return d;
}

void CudnnGraph::set(Cudnn::Descriptor d, Cudnn::Attribute attribute, Cudnn::AttributeType type, const void* values, int64_t count) {
  if (!refused_.empty()) return;
  if (const int status = cudnn_.set(d, attribute, type, count, values); status != 0) refused_ = "attribute " + std::to_string(attribute) + ": status " + std::to_string(status);
}

void CudnnGraph::set_tensor(Cudnn::Descriptor d, Cudnn::Attribute attribute, const Tensor* t) {
  if (t) set(d, attribute, Cudnn::kDescriptorType, &t->descriptor);
}

void CudnnGraph::set_type(Cudnn::Descriptor d, Cudnn::Attribute attribute, int64_t type) {
  const int value = int(type);
  set(d, attribute, Cudnn::kDataType, &value);
}

void CudnnGraph::finish(Cudnn::Descriptor d, const char* what) {
  if (!refused_.empty()) return;
  if (const int status = cudnn_.finalize(d); status != 0) refused_ = std::string(what) + ": status " + std::to_string(status);
}

CudnnGraph::Tensor CudnnGraph::describe(int64_t id, Cudnn::Type type, Shape dimensions, Shape strides, const Tensor* offsets, bool is_virtual, bool by_value) {
  const Tensor t{create(Cudnn::kTensor), dimensions};
  const int64_t alignment = 16;
  set_type(t.descriptor, Cudnn::kTensorType, type);
  set(t.descriptor, Cudnn::kTensorDimensions, Cudnn::kInt64Type, dimensions.data(), 4);
  set(t.descriptor, Cudnn::kTensorStrides, Cudnn::kInt64Type, strides.data(), 4);
  set(t.descriptor, Cudnn::kTensorId, Cudnn::kInt64Type, &id);
  set(t.descriptor, Cudnn::kTensorAlignment, Cudnn::kInt64Type, &alignment);
  if (is_virtual) set(t.descriptor, Cudnn::kTensorVirtual, Cudnn::kBooleanType, &is_virtual);
  if (by_value) set(t.descriptor, Cudnn::kTensorByValue, Cudnn::kBooleanType, &by_value);
  set_tensor(t.descriptor, Cudnn::kTensorOffsets, offsets);
  finish(t.descriptor, "a tensor");
  return t;
}

CudnnGraph::Tensor CudnnGraph::tensor(int64_t id, Cudnn::Type type, Shape dimensions, Shape strides, const Tensor* offsets) {
  return describe(id, type, dimensions, strides, offsets, false, false);
}

CudnnGraph::Tensor CudnnGraph::scalar(int64_t id) { return describe(id, Cudnn::kFloat, {1, 1, 1, 1}, {1, 1, 1, 1}, nullptr, false, true); }

CudnnGraph::Tensor CudnnGraph::inner(Cudnn::Type type, Shape dimensions, Shape strides) { return describe(inner_ids_++, type, dimensions, strides, nullptr, true, false); }

CudnnGraph::Tensor CudnnGraph::inner(Cudnn::Type type, Shape d) { return inner(type, d, {d[1] * d[2] * d[3], d[2] * d[3], d[3], 1}); }

CudnnGraph::Tensor CudnnGraph::pointwise(Cudnn::Operator f, Cudnn::Type type, Cudnn::Type precision, const Tensor& x, const Tensor* b, const Tensor* t, int axis) {
  const Tensor y = inner(type, x.dimensions);
  pointwise_into(y, f, precision, x, b, t, axis);
  return y;
}

void CudnnGraph::pointwise_into(const Tensor& y, Cudnn::Operator f, Cudnn::Type precision, const Tensor& x, const Tensor* b, const Tensor* t, int axis) {
  const Cudnn::Descriptor how = create(Cudnn::kPointwise);
  const int mode = f;
  const int64_t along = axis;
  set(how, Cudnn::kPointwiseMode, Cudnn::kPointwiseModeType, &mode);
  set_type(how, Cudnn::kPointwisePrecision, precision);
  if (axis != kNoAxis) set(how, Cudnn::kPointwiseAxis, Cudnn::kInt64Type, &along);
  finish(how, "a pointwise function");
  const Cudnn::Descriptor operation = create(Cudnn::kPointwiseOperation);
  set(operation, Cudnn::kPointwiseDescriptor, Cudnn::kDescriptorType, &how);
  set_tensor(operation, Cudnn::kPointwiseX, &x);
  set_tensor(operation, Cudnn::kPointwiseB, b);
  set_tensor(operation, Cudnn::kPointwiseT, t);
  set_tensor(operation, Cudnn::kPointwiseY, &y);
  finish(operation, "a pointwise operation");
  operations_.push_back(operation);
}

CudnnGraph::Tensor CudnnGraph::reduce(int mode, const Tensor& x) {
  const Tensor y = inner(Cudnn::kFloat, {x.dimensions[0], x.dimensions[1], x.dimensions[2], 1});
  const Cudnn::Descriptor how = create(Cudnn::kReduction);
  set(how, Cudnn::kReductionMode, Cudnn::kReductionModeType, &mode);
  set_type(how, Cudnn::kReductionPrecision, Cudnn::kFloat);
  finish(how, "a reduction");
  const Cudnn::Descriptor operation = create(Cudnn::kReductionOperation);
  set(operation, Cudnn::kReductionDescriptor, Cudnn::kDescriptorType, &how);
  set_tensor(operation, Cudnn::kReductionX, &x);
  set_tensor(operation, Cudnn::kReductionY, &y);
  finish(operation, "a reducing operation");
  operations_.push_back(operation);
  return y;
}

CudnnGraph::Tensor CudnnGraph::multiply(const Tensor& a, const Tensor& b, const Tensor* m, const Tensor* n) {
  const Tensor c = inner(Cudnn::kFloat, {a.dimensions[0], a.dimensions[1], a.dimensions[2], b.dimensions[3]});
  multiply_into(c, a, b, m, n, nullptr);
  return c;
}

void CudnnGraph::multiply_into(const Tensor& c, const Tensor& a, const Tensor& b, const Tensor* m, const Tensor* n, const Tensor* k) {
  const Cudnn::Descriptor how = create(Cudnn::kMatmul);
  set_type(how, Cudnn::kMatmulPrecision, Cudnn::kFloat);
  finish(how, "a product");
  const Cudnn::Descriptor operation = create(Cudnn::kMatmulOperation);
  set_tensor(operation, Cudnn::kMatmulA, &a);
  set_tensor(operation, Cudnn::kMatmulB, &b);
  set_tensor(operation, Cudnn::kMatmulC, &c);
  set_tensor(operation, Cudnn::kMatmulM, m);
  set_tensor(operation, Cudnn::kMatmulN, n);
  set_tensor(operation, Cudnn::kMatmulK, k);
  set(operation, Cudnn::kMatmulDescriptor, Cudnn::kDescriptorType, &how);
  finish(operation, "a multiplying operation");
  operations_.push_back(operation);
}

CudnnGraph::Tensor CudnnGraph::load_pages(const Tensor& container, const Tensor& table, const Tensor& lengths, Shape dimensions, Shape strides) {
  const Tensor y = inner(Cudnn::kBFloat16, dimensions, strides);
  const Cudnn::Descriptor operation = create(Cudnn::kPagedLoad);
  set_tensor(operation, Cudnn::kPagedContainer, &container);
  set_tensor(operation, Cudnn::kPagedTable, &table);
  set_tensor(operation, Cudnn::kPagedLengths, &lengths);
  set_tensor(operation, Cudnn::kPagedY, &y);
  finish(operation, "a loading of pages");
  operations_.push_back(operation);
  return y;
}

bool CudnnGraph::compile(std::string* why) {
  const Cudnn::Descriptor graph = create(Cudnn::kOperationGraph);
  set(graph, Cudnn::kGraphHandle, Cudnn::kHandleType, &handle_);
  set(graph, Cudnn::kGraphOperations, Cudnn::kDescriptorType, operations_.data(), int64_t(operations_.size()));
  finish(graph, "the graph");
  const Cudnn::Descriptor heuristics = create(Cudnn::kHeuristics);
  const int mode = Cudnn::kHeuristicsA;
  set(heuristics, Cudnn::kHeuristicsGraph, Cudnn::kDescriptorType, &graph);
  set(heuristics, Cudnn::kHeuristicsMode, Cudnn::kHeuristicsModeType, &mode);
  finish(heuristics, "its heuristics");
  Cudnn::Descriptor config[4] = {};
  for (Cudnn::Descriptor& c : config) c = create(Cudnn::kEngineConfig);
  int64_t found = 0;
  if (refused_.empty()) {
    const int status = cudnn_.get(heuristics, Cudnn::kHeuristicsResults, Cudnn::kDescriptorType, 4, &found, config);
    if (status != 0 || found == 0) refused_ = "no engine takes it (status " + std::to_string(status) + ")";
  }
  for (int64_t i = 0; i < std::min<int64_t>(found, 4) && refused_.empty(); i++) {
    const Cudnn::Descriptor plan = create(Cudnn::kPlan);
    set(plan, Cudnn::kPlanHandle, Cudnn::kHandleType, &handle_);
    set(plan, Cudnn::kPlanConfig, Cudnn::kDescriptorType, &config[i]);
    finish(plan, "its plan");
    int64_t got = 0;
    if (refused_.empty() && cudnn_.get(plan, Cudnn::kPlanWorkspace, Cudnn::kInt64Type, 1, &got, &workspace_) == 0) {
      plan_ = plan;
      return true;
    }
    *why = refused_;
    refused_.clear();  // the next may do
  }
  if (!refused_.empty()) *why = refused_;
  return false;
}

int CudnnGraph::execute(int count, const int64_t* ids, void* const* pointers, void* workspace) const {
  Cudnn::Descriptor pack = nullptr;
  int status = cudnn_.descriptor_create(Cudnn::kVariantPack, &pack);
  if (status != 0) return status;
  const auto set = [&](Cudnn::Attribute attribute, Cudnn::AttributeType type, int64_t n, const void* values) {
    if (status == 0) status = cudnn_.set(pack, attribute, type, n, values);
  };
  set(Cudnn::kPackIds, Cudnn::kInt64Type, count, ids);
  set(Cudnn::kPackPointers, Cudnn::kPointerType, count, pointers);
  set(Cudnn::kPackWorkspace, Cudnn::kPointerType, 1, &workspace);
  if (status == 0) status = cudnn_.finalize(pack);
  if (status == 0) status = cudnn_.execute(handle_, plan_, pack);
  cudnn_.descriptor_destroy(pack);
  return status;
}

}  // namespace aircache
