// A computation that cuDNN compiles into one plan: tensors and the operations between them.
#pragma once

#include <array>
#include <vector>

#include "cudnn.h"

namespace aircache {

class CudnnGraph {
 public:
  using Shape = std::array<int64_t, 4>;
  struct Tensor {
    Cudnn::Descriptor descriptor = nullptr;
    Shape dimensions = {};
  };

  CudnnGraph(const Cudnn& cudnn, Cudnn::Handle handle) : cudnn_(cudnn), handle_(handle) {}
  ~CudnnGraph();
  CudnnGraph(const CudnnGraph&) = delete;

  // tensor lies in device memory that execute is told by its id. Where offsets are given, entry i of the first dimension begins that
  // many values behind the first.
  Tensor tensor(int64_t id, Cudnn::Type type, Shape dimensions, Shape strides, const Tensor* offsets = nullptr);
  Tensor scalar(int64_t id);  // a float, in host memory

  Tensor pointwise(Cudnn::Operator f, Cudnn::Type type, Cudnn::Type precision, const Tensor& x, const Tensor* b = nullptr, const Tensor* t = nullptr, int axis = kNoAxis);
  void pointwise_into(const Tensor& y, Cudnn::Operator f, Cudnn::Type precision, const Tensor& x, const Tensor* b = nullptr, const Tensor* t = nullptr, int axis = kNoAxis);
  Tensor reduce(int mode, const Tensor& x);  // over the last dimension
  // multiply takes the lengths of m, n and k from the device where they are given.
  Tensor multiply(const Tensor& a, const Tensor& b, const Tensor* m, const Tensor* n);
  void multiply_into(const Tensor& c, const Tensor& a, const Tensor& b, const Tensor* m, const Tensor* n, const Tensor* k);

  // load_pages puts the pages of a container [pages, heads, page rows, columns] together, in the order of a table [sequences, 1, pages, 1].
  Tensor load_pages(const Tensor& container, const Tensor& table, const Tensor& lengths, Shape dimensions, Shape strides);

  // compile takes the first plan that cuDNN proposes and that compiles. On failure why says what was refused.
  bool compile(std::string* why);
  size_t workspace() const { return size_t(workspace_); }
  // execute queues the plan on the handle's stream; 0 is success.
  int execute(int count, const int64_t* ids, void* const* pointers, void* workspace) const;

 private:
  static constexpr int kNoAxis = -1;
  Cudnn::Descriptor create(Cudnn::Kind kind);
  void set(Cudnn::Descriptor d, Cudnn::Attribute attribute, Cudnn::AttributeType type, const void* values, int64_t count = 1);
  void set_tensor(Cudnn::Descriptor d, Cudnn::Attribute attribute, const Tensor* t);
  void set_type(Cudnn::Descriptor d, Cudnn::Attribute attribute, int64_t type);
  void finish(Cudnn::Descriptor d, const char* what);
  Tensor describe(int64_t id, Cudnn::Type type, Shape dimensions, Shape strides, const Tensor* offsets, bool is_virtual, bool by_value);
  Tensor inner(Cudnn::Type type, Shape dimensions, Shape strides);  // no memory
  Tensor inner(Cudnn::Type type, Shape dimensions);

  const Cudnn& cudnn_;
  Cudnn::Handle handle_;
  std::vector<Cudnn::Descriptor> all_, operations_;
  Cudnn::Descriptor plan_ = nullptr;
  int64_t workspace_ = 0, inner_ids_ = 1000;
  std::string refused_;
};

}  // namespace aircache
