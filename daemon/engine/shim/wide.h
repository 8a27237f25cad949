// What the layers that compute bf16 in f32 share: which tensors they take, their scratch memory, how work is divided.
#pragma once

#include "panel.h"

#ifdef DARKROOM_AVX512_BF16
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

namespace darkroom {

constexpr int64_t MOST_ROWS = 96; // rows, or tiles, of a task: their sums stay in the second cache

inline const Element *bits(const at::Tensor &t) { return static_cast<const Element *>(t.const_data_ptr()); }
inline Element *bits_of(at::Tensor &t) { return static_cast<Element *>(t.data_ptr()); }

inline bool is_bf16(const at::Tensor &t) {
  return t.scalar_type() == at::kBFloat16 && t.device().is_cpu() && t.numel() > 0;
}

// Null, or one number an output.
inline bool is_bias(const at::Tensor *bias, int64_t outputs) {
  return !bias || (is_bf16(*bias) && bias->is_contiguous() && bias->numel() == outputs);
}

// Memory for `count` floats, from the arena where it is large.
inline at::Tensor floats(int64_t count) { return at::empty({count}, at::kFloat); }

// `count` things in parts of at most `most`, about as large as each other.
struct Parts {
  int64_t count, each;
  Parts(int64_t count, int64_t most) : count(count) {
    const int64_t parts = (count + most - 1) / most;
    each = (count + parts - 1) / parts;
  }
  int64_t parts() const { return (count + each - 1) / each; }
  int64_t begin(int64_t part) const { return part * each; }
  int64_t size(int64_t part) const { return std::min(each, count - part * each); }
};

} // namespace darkroom
#endif
