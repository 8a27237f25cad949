// Weights packed for oneDNN. The products are oneDNN's own: what counts here is what goes in, and that the wrong never does.
#include "check.h"

#include <ATen/Context.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include <array>

namespace check {
namespace {

// Stride and padding.
using Steps = std::array<int64_t, 2>;

const Tensor *pointer(const Tensor &t) { return t.defined() ? &t : nullptr; }

std::optional<Tensor> exact(const Tensor &t) { return t.defined() ? std::optional<Tensor>(f64(t)) : std::nullopt; }

bool serves([[maybe_unused]] at::ScalarType kind) {
#if defined(__x86_64__)
  return at::hasMKLDNN() && (kind == at::kBFloat16 ? has_avx512_bf16() : __builtin_cpu_supports("avx2") != 0);
#else
  return false;
#endif
}

Call pack_linear(const Tensor &weight) {
  return [&](Tensor **out) { return CALL(dk_linear_pack, &weight, out); };
}

Call pack_convolution(const Tensor &weight, const int64_t size[4], int64_t stride, int64_t padding) {
  return [=, &weight](Tensor **out) { return CALL(dk_conv_pack, &weight, size, stride, padding, out); };
}

Call linear_by(const Tensor &x, const Tensor &weight, const Tensor *bias) {
  return [=, &x, &weight](Tensor **out) { return CALL(dk_linear, &x, &weight, bias, out); };
}

Call convolve_by(const Tensor &x, const Tensor &weight, const Tensor *bias, int64_t stride, int64_t padding) {
  return [=, &x, &weight](Tensor **out) { return CALL(dk_conv, &x, &weight, bias, stride, padding, out); };
}

void expect_bytes(const Tensor &packed, const Tensor &weight) {
  int64_t bytes = 0;
  expect(CALL(dk_packed_bytes, &packed, &bytes) == 0 && bytes >= static_cast<int64_t>(weight.nbytes()), "a packed weight has its bytes");
  expect(CALL(dk_packed_bytes, &weight, &bytes) != 0, "a weight that is not packed has no packed bytes");
}

Tensor elsewhere(const Tensor &t) { return at::empty(t.sizes(), t.options().device(at::kMeta)); }

void linear_refusals(Random &random, at::ScalarType kind) {
  const Tensor x = random.dense({3, 20}, kind), weight = random.dense({40, 20}, kind), bias = random.dense({40}, kind);
  for (const Tensor &wrong : {weight.to(at::kHalf), weight.to(at::kInt), weight[0], weight[0][0], weight.unsqueeze(0), weight.slice(0, 0, 0),
                              weight.t(), elsewhere(weight), Tensor()})
    refuse(pack_linear(wrong), "another weight");
  const Tensor packed = taken(pack_linear(weight), "a weight");
  if (!packed.defined())
    return;
  const auto refuse = [&](const Tensor &x, const Tensor &weight, const Tensor &bias, const char *what) {
    check::refuse(linear_by(x, weight, &bias), what);
  };
  const auto other = kind == at::kFloat ? at::kBFloat16 : at::kFloat;
  for (const Tensor &wrong : {x.to(other), x.to(at::kInt), x.slice(1, 0, 19), x.slice(1, 0, 0), at::zeros({3, 21}, x.options()), x[0][0], elsewhere(x),
                              Tensor()})
    refuse(wrong, packed, bias, "another x");
  for (const Tensor &wrong : {bias.to(other), bias.slice(0, 0, 39), bias.slice(0, 0, 0), at::zeros({41}, bias.options()), elsewhere(bias), bias[0]})
    refuse(x, packed, wrong, "another bias");
  refuse(x, weight, bias, "a weight that is not packed");
  refuse(x, Tensor(), bias, "no weight");
}

void convolution_refusals(Random &random, at::ScalarType kind) {
  const Tensor x = random.dense({2, 5, 6, 7}, kind), weight = random.dense({8, 5, 3, 3}, kind), bias = random.dense({8}, kind);
  const int64_t size[] = {2, 5, 6, 7};
  for (const Tensor &wrong : {weight.to(at::kHalf), weight.to(at::kInt), weight[0], weight[0][0][0][0], weight.slice(0, 0, 0), weight.transpose(2, 3),
                              elsewhere(weight), Tensor()})
    refuse(pack_convolution(wrong, size, 1, 1), "another weight");
  using Size = std::array<int64_t, 4>;
  for (const Size &wrong : {Size{2, 4, 6, 7}, Size{2, 5, 1, 7}, Size{0, 5, 6, 7}, Size{-2, 5, 6, 7}, Size{2, 5, -6, 7}})
    refuse(pack_convolution(weight, wrong.data(), 1, 0), "another size");
  for (const Steps &wrong : {Steps{0, 1}, Steps{-1, 1}, Steps{1, -1}})
    refuse(pack_convolution(weight, size, wrong[0], wrong[1]), "another stride or padding");
  const Tensor packed = taken(pack_convolution(weight, size, 1, 1), "a weight");
  if (!packed.defined())
    return;
  const auto refuse = [&](const Tensor &x, const Tensor &weight, const Tensor &bias, int64_t stride, int64_t padding, const char *what) {
    check::refuse(convolve_by(x, weight, &bias, stride, padding), what);
  };
  const auto other = kind == at::kFloat ? at::kBFloat16 : at::kFloat;
  for (const Tensor &wrong : {x.to(other), x.to(at::kInt), x.slice(1, 0, 4), x.slice(0, 0, 0), x.slice(2, 0, 0), x[0], x[0][0][0][0], elsewhere(x),
                              Tensor()})
    refuse(wrong, packed, bias, 1, 1, "another x");
  for (const Tensor &wrong : {bias.to(other), bias.slice(0, 0, 7), bias.slice(0, 0, 0), at::zeros({9}, bias.options()), elsewhere(bias), bias[0]})
    refuse(x, packed, wrong, 1, 1, "another bias");
  for (const Steps &wrong : {Steps{0, 1}, Steps{-1, 1}, Steps{1, -1}, Steps{1, -5}})
    refuse(x, packed, bias, wrong[0], wrong[1], "another stride or padding");
  refuse(x, weight, bias, 1, 1, "a weight that is not packed");
  refuse(x, Tensor(), bias, 1, 1, "no weight");
}

void linear_case(Random &random, at::ScalarType kind) {
  const int64_t inputs = random.size(300), outputs = random.size(200);
  const Tensor x = random.normal({random.within(1, 3), random.size(100), inputs}, kind), weight = random.dense({outputs, inputs}, kind);
  const Tensor bias = random.coin() ? random.dense({outputs}, kind) : Tensor();
  const std::string what = "packed, of " + sizes(x) + ", weight " + sizes(weight) + ", bias " + sizes(bias);
  const Tensor packed = taken(pack_linear(weight), what);
  expect(packed.defined() == serves(kind), what + " is packed where that serves");
  if (!packed.defined())
    return;
  expect_bytes(packed, weight);
  const Tensor found = result(linear_by(x, packed, pointer(bias)), what);
  Tensor terms = at::linear(f64(x).abs(), f64(weight).abs());
  if (bias.defined())
    terms = terms + f64(bias).abs();
  expect(found, kind, at::linear(f64(x), f64(weight), exact(bias)), summing(inputs + 2) * terms, what);
}

void convolution_case(Random &random, at::ScalarType kind) {
  const int64_t kernel = random.pick<int64_t>({1, 3}), stride = random.within(1, 2), padding = kernel / 2;
  const int64_t size[] = {random.within(1, 2), random.size(60), random.within(1, 14), random.within(1, 14)}, outputs = random.size(60);
  const Tensor x = random.normal(size, kind), weight = random.dense({outputs, size[1], kernel, kernel}, kind);
  const Tensor bias = random.coin() ? random.dense({outputs}, kind) : Tensor();
  const std::string what = "packed, stride " + std::to_string(stride) + ", of " + sizes(x) + ", weight " + sizes(weight) + ", bias " + sizes(bias);
  const Tensor packed = taken(pack_convolution(weight, size, stride, padding), what);
  expect(packed.defined() == serves(kind), what + " is packed where that serves");
  if (!packed.defined())
    return;
  expect_bytes(packed, weight);
  const Tensor found = result(convolve_by(x, packed, pointer(bias), stride, padding), what);
  const int64_t strides[] = {stride, stride}, paddings[] = {padding, padding};
  Tensor terms = at::conv2d(f64(x).abs(), f64(weight).abs(), {}, strides, paddings);
  if (bias.defined())
    terms = terms + f64(bias).abs().reshape({1, -1, 1, 1});
  const Tensor expected = at::conv2d(f64(x), f64(weight), exact(bias), strides, paddings);
  expect(found, kind, expected, summing(kernel * kernel * size[1] + 2) * terms, what);
}

} // namespace

void packed(Random &random) {
  for (const auto kind : {at::kFloat, at::kBFloat16}) {
    linear_case(random, kind);
    convolution_case(random, kind);
    linear_refusals(random, kind);
    convolution_refusals(random, kind);
  }
}

} // namespace check
