// Weights in the order that oneDNN reads them, packed once; the operations are those of libtorch's own compiler, reached
// through its dispatcher.
#include "arena.h"
#include "guard.h"
#include "shim.h"

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

using at::IntArrayRef;
using darkroom::guarded;

namespace {

constexpr int64_t MOST_PADDING = 1 << 20; // far beyond any model's: sizes with it do not overflow
constexpr size_t ROOM = 16 << 20;        // for what oneDNN makes itself: code for a new size, memory to compute in

using Scalars = c10::List<std::optional<at::Scalar>>;

template <typename F> c10::TypedOperatorHandle<F> operation(const char *name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<F>();
}

// Whether oneDNN has native instructions for what the tensor holds.
bool packable(const Tensor &weight, int64_t dims) {
  if (weight.dim() != dims || !weight.device().is_cpu() || !weight.is_contiguous() || weight.numel() == 0 || !at::hasMKLDNN())
    return false;
#if defined(__x86_64__) && defined(__GNUC__) && !defined(DARKROOM_PORTABLE)
  if (weight.scalar_type() == at::kBFloat16)
    return __builtin_cpu_supports("avx512bf16");
  return weight.scalar_type() == at::kFloat && __builtin_cpu_supports("avx2");
#else
  return false;
#endif
}

// The operations believe what they are told: whether x, whose dimension `inputs` is the weight's, and bias [outputs] or null are
// for this packed weight.
bool fits(const Tensor &x, const Tensor &weight, const Tensor *bias, int64_t inputs) {
  const auto like_weight = [&](const Tensor &t) { return t.device().is_cpu() && t.scalar_type() == weight.scalar_type(); };
  return weight.is_mkldnn() && like_weight(x) && x.size(inputs) == weight.size(1) &&
         (!bias || (like_weight(*bias) && bias->is_contiguous() && bias->sizes() == IntArrayRef(weight.size(0))));
}

// Whether a kernel of the weight's size finds a place in a picture of `size`, by such steps and with such zeros beyond each side.
bool has_place(const Tensor &weight, IntArrayRef size, int64_t stride, int64_t padding) {
  const auto side = [&](size_t dim) { return size[dim] > 0 && size[dim] + 2 * padding >= weight.size(static_cast<int64_t>(dim)); };
  return stride > 0 && padding >= 0 && padding < MOST_PADDING && size[0] > 0 && size[1] == weight.size(1) && side(2) && side(3);
}

// oneDNN does not look whether it was given the memory that it asks for beside the result's: where the system had none left, it
// jumps into code that is not there. With this the operation fails like any other, before it begins. Asking costs two calls of
// the system, and no page.
void expect_room(int64_t numbers, const Tensor &weight) {
#ifdef __linux__
  const size_t bytes = static_cast<size_t>(numbers) * weight.element_size() + ROOM;
  void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TORCH_CHECK(at != MAP_FAILED, "oneDNN: can't allocate memory: you tried to allocate ", bytes, " bytes.");
  munmap(at, bytes);
#endif
}

} // namespace

extern "C" {

// weight [outputs, inputs]; out stays null where packing does not serve.
int dk_linear_pack(const Tensor *weight, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
    if (!packable(*weight, 2))
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

// x [.., inputs], bias [outputs] or null → [.., outputs], all of one dtype.
int dk_linear(const Tensor *x, const Tensor *weight, const Tensor *bias, Tensor **out) {
  return guarded([&] {
    TORCH_CHECK(x->dim() > 0 && fits(*x, *weight, bias, x->dim() - 1), "input or bias is not for the packed weight of a linear layer");
    static auto linear =
        operation<Tensor(const Tensor &, const Tensor &, const std::optional<Tensor> &, std::string_view, Scalars,
                         std::optional<std::string_view>)>("mkldnn::_linear_pointwise");
    const auto with = bias ? std::optional<Tensor>(*bias) : std::nullopt;
    const Tensor turned = x->contiguous();
    expect_room(x->numel() / x->size(-1) * weight->size(0), *weight);
    *out = new Tensor(linear.call(turned, *weight, with, "none", Scalars(), ""));
  });
}

// weight [outputs, inputs, kernel, kernel], for input of `size` [B, inputs, H, W]; out as above.
int dk_conv_pack(const Tensor *weight, const int64_t size[4], int64_t stride, int64_t padding, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
    if (!packable(*weight, 4) || !has_place(*weight, IntArrayRef(size, 4), stride, padding))
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

// x [B, inputs, H, W], bias [outputs] or null, all of one dtype; the result has its channels innermost.
int dk_conv(const Tensor *x, const Tensor *weight, const Tensor *bias, int64_t stride, int64_t padding, Tensor **out) {
  return guarded([&] {
    TORCH_CHECK(x->dim() == 4 && fits(*x, *weight, bias, 1) && has_place(*weight, x->sizes(), stride, padding),
                "input or bias is not for the packed weight of a convolution");
    static auto conv = operation<Tensor(const Tensor &, const Tensor &, const std::optional<Tensor> &, IntArrayRef,
                                        IntArrayRef, IntArrayRef, int64_t, std::string_view, Scalars,
                                        std::optional<std::string_view>)>("mkldnn::_convolution_pointwise");
    const int64_t pads[2] = {padding, padding}, strides[2] = {stride, stride}, ones[2] = {1, 1};
    const auto with = bias ? std::optional<Tensor>(*bias) : std::nullopt;
    const Tensor turned = x->contiguous(at::MemoryFormat::ChannelsLast);
    const auto side = [&](int64_t dim) { return (x->size(dim) + 2 * padding - weight->size(dim)) / stride + 1; };
    expect_room(x->size(0) * weight->size(0) * side(2) * side(3), *weight);
    *out = new Tensor(conv.call(turned, *weight, with, pads, strides, ones, 1, "none", Scalars(), ""));
  });
}
}
