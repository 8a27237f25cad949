// Weights in the order that oneDNN reads them, packed once; the operations are those of libtorch's own compiler, reached
// through its dispatcher.
#include "arena.h"
#include "guard.h"

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

using at::IntArrayRef;
using at::Tensor;
using darkroom::guarded;

namespace {

using Scalars = c10::List<std::optional<at::Scalar>>;

template <typename F> c10::TypedOperatorHandle<F> operation(const char *name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<F>();
}

// Whether oneDNN has native instructions for what the tensor holds.
bool packable(const Tensor &weight) {
  if (!weight.device().is_cpu() || !weight.is_contiguous() || weight.numel() == 0 || !at::hasMKLDNN())
    return false;
#if defined(__x86_64__) && defined(__GNUC__)
  if (weight.scalar_type() == at::kBFloat16)
    return __builtin_cpu_supports("avx512bf16");
  return weight.scalar_type() == at::kFloat && __builtin_cpu_supports("avx2");
#else
  return false;
#endif
}

} // namespace

extern "C" {

// weight [outputs, inputs]; out stays null where packing does not serve.
int dk_linear_pack(const Tensor *weight, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
    if (!packable(*weight))
      return;
    darkroom::LongLived weights;
    static auto pack = operation<Tensor(const Tensor &, std::optional<int64_t>)>("mkldnn::_reorder_linear_weight");
    *out = new Tensor(pack.call(*weight, std::optional<int64_t>(1024)));
  });
}

// The bytes of a packed weight, its zeros included.
int dk_packed_bytes(const Tensor *weight, int64_t *out) {
  return guarded([&] {
    static auto bytes = operation<int64_t(const Tensor &)>("mkldnn::_nbytes");
    *out = bytes.call(*weight);
  });
}

int dk_linear(const Tensor *x, const Tensor *weight, const Tensor *bias, Tensor **out) {
  return guarded([&] {
    static auto linear =
        operation<Tensor(const Tensor &, const Tensor &, const std::optional<Tensor> &, std::string_view, Scalars,
                         std::optional<std::string_view>)>("mkldnn::_linear_pointwise");
    auto with = bias ? std::optional<Tensor>(*bias) : std::nullopt;
    *out = new Tensor(linear.call(x->contiguous(), *weight, with, "none", Scalars(), ""));
  });
}

// weight [outputs, inputs, kernel, kernel], for input of `size` [B, inputs, H, W]; out as above.
int dk_conv_pack(const Tensor *weight, const int64_t size[4], int64_t stride, int64_t padding, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
    if (!packable(*weight))
      return;
    // The operation would make this copy itself, in new memory each time.
    const Tensor turned = weight->contiguous(at::MemoryFormat::ChannelsLast);
    darkroom::LongLived weights;
    static auto pack = operation<Tensor(const Tensor &, IntArrayRef, IntArrayRef, IntArrayRef, int64_t,
                                        at::OptionalIntArrayRef)>("mkldnn::_reorder_convolution_weight");
    const int64_t pads[2] = {padding, padding}, strides[2] = {stride, stride}, ones[2] = {1, 1};
    *out = new Tensor(pack.call(turned, pads, strides, ones, 1, IntArrayRef(size, 4)));
  });
}

// The result has its channels innermost.
int dk_conv(const Tensor *x, const Tensor *weight, const Tensor *bias, int64_t stride, int64_t padding, Tensor **out) {
  return guarded([&] {
    static auto conv = operation<Tensor(const Tensor &, const Tensor &, const std::optional<Tensor> &, IntArrayRef,
                                        IntArrayRef, IntArrayRef, int64_t, std::string_view, Scalars,
                                        std::optional<std::string_view>)>("mkldnn::_convolution_pointwise");
    const int64_t pads[2] = {padding, padding}, strides[2] = {stride, stride}, ones[2] = {1, 1};
    *out = new Tensor(conv.call(x->contiguous(at::MemoryFormat::ChannelsLast), *weight, *bias, pads, strides, ones, 1,
                                "none", Scalars(), ""));
  });
}
}
