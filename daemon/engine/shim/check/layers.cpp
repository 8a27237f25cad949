// Linear layers and 3×3 convolutions of bf16 whose weights lie where their file has them.
#include "check.h"

#include "../products.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

namespace check {
namespace {

using Kernel = int (*)(const Tensor *, const Tensor *, const Tensor *, const Tensor *, int, Tensor **);

const Tensor *pointer(const Tensor &t) { return t.defined() ? &t : nullptr; }

std::optional<Tensor> exact(const Tensor &t) { return t.defined() ? std::optional<Tensor>(f64(t)) : std::nullopt; }

std::optional<Tensor> magnitude(const Tensor &t) { return t.defined() ? std::optional<Tensor>(f64(t).abs()) : std::nullopt; }

struct Layer {
  Tensor x, weight, bias, other;

  Layer(Random &random, at::IntArrayRef input, at::IntArrayRef kernel, at::IntArrayRef output, bool strewn_other)
      : x(random.normal(input, at::kBFloat16)), weight(random.dense(kernel, at::kBFloat16)) {
    if (random.coin())
      bias = random.dense({kernel[0]}, at::kBFloat16);
    if (random.coin())
      other = strewn_other ? random.normal(output, at::kBFloat16) : random.dense(output, at::kBFloat16);
  }

  Tensor call(Random &random, Kernel kernel, int products, const std::string &what) const {
    const auto call = [&](Tensor **out) { return kernel(&x, &weight, pointer(bias), pointer(other), products, out); };
    return served(random, has_products(products), call, what);
  }

  std::string text(const char *name, int products) const {
    return name + (" of " + sizes(x)) + ", weight " + sizes(weight) + ", bias " + sizes(bias) + ", other " + sizes(other) + ", products " +
           std::to_string(products);
  }
};

// What neither kernel takes, whatever else it is given: all of it is one change to what both take.
void refusals(Random &random, Kernel kernel, const Tensor &x, const Tensor &weight, const Tensor &other) {
  const Tensor bias = random.dense({weight.size(0)}, at::kBFloat16);
  const auto refuse = [&](const Tensor &x, const Tensor &weight, const Tensor &bias, const Tensor &other, const char *what) {
    for (const int products : {darkroom::FLOATS, darkroom::TILES})
      check::refuse([&](Tensor **out) { return kernel(&x, &weight, &bias, &other, products, out); }, what);
  };
  for (const int products : {static_cast<int>(darkroom::PAIRS), -1, 3, 1000})
    check::refuse([&](Tensor **out) { return kernel(&x, &weight, &bias, &other, products, out); }, "another way to multiply");
  const auto elsewhere = [](const Tensor &t) { return at::empty(t.sizes(), t.options().device(at::kMeta)); };
  const auto longer = [](const Tensor &t, int64_t dim) {
    auto size = t.sizes().vec();
    size[static_cast<size_t>(dim)] += 1;
    return at::zeros(size, t.options());
  };
  const int64_t inputs = weight.dim() == 4 ? 1 : x.dim() - 1;
  for (const auto kind : {at::kFloat, at::kHalf, at::kDouble, at::kInt}) {
    refuse(x.to(kind), weight, bias, other, "x of another dtype");
    refuse(x, weight.to(kind), bias, other, "a weight of another dtype");
    refuse(x, weight, bias.to(kind), other, "a bias of another dtype");
    refuse(x, weight, bias, other.to(kind), "other of another dtype");
  }
  refuse(elsewhere(x), weight, bias, other, "x elsewhere");
  refuse(x, elsewhere(weight), bias, other, "a weight elsewhere");
  refuse(x, weight, elsewhere(bias), other, "a bias elsewhere");
  refuse(x, weight, bias, elsewhere(other), "other elsewhere");
  refuse(longer(x, inputs), weight, bias, other, "x of more inputs");
  refuse(x, longer(weight, 1), bias, other, "a weight of more inputs");
  refuse(x, longer(weight, 0), bias, other, "a weight of more outputs");
  refuse(x, weight, longer(bias, 0), other, "a bias of more outputs");
  for (int64_t dim = 0; dim < other.dim(); ++dim)
    refuse(x, weight, bias, longer(other, dim), "other of another size");
  refuse(x.slice(0, 0, 0), weight, bias, other, "no x");
  refuse(x, weight.slice(0, 0, 0), bias, other, "no outputs");
  refuse(x, weight.slice(1, 0, 0), bias, other, "no inputs");
  refuse(x, weight, bias.slice(0, 0, 0), other, "no bias");
  refuse(x, weight, bias, other.slice(0, 0, 0), "no other");
  refuse(x.reshape({-1})[0], weight, bias, other, "x without dimensions");
  refuse(x, weight.reshape({-1})[0], bias, other, "a weight without dimensions");
  refuse(x, weight.unsqueeze(0), bias, other, "a weight of more dimensions");
  refuse(Tensor(), weight, bias, other, "x that is nothing");
  refuse(x, Tensor(), bias, other, "a weight that is nothing");
  if (weight.size(0) > 1 && weight.size(1) > 1)
    refuse(x, weight.transpose(0, 1).contiguous().transpose(0, 1), bias, other, "a weight that is turned");
  if (bias.numel() > 1)
    refuse(x, weight, at::zeros({bias.numel(), 2}, bias.options()).select(1, 0), other, "a bias with holes");
}

// Winograd's F(4×4, 3×3) in magnitudes: how large the numbers are whose rounding is in each result.
Tensor winograd_magnitude(const Tensor &x, const Tensor &weight) {
  const auto matrix = [](std::initializer_list<double> numbers, int64_t columns) {
    return at::tensor(at::ArrayRef<double>(numbers), at::kDouble).reshape({-1, columns}).abs();
  };
  const Tensor b = matrix({4, 0, -5, 0, 1, 0, 0, -4, -4, 1, 1, 0, 0, 4, -4, -1, 1, 0, 0, -2, -1, 2, 1, 0, 0, 2, -1, -2, 1, 0, 0, 4, 0, -5, 0, 1}, 6);
  const Tensor g = matrix({6, 0, 0, -4, -4, -4, -4, 4, -4, 1, 2, 4, 1, -2, 4, 0, 0, 24}, 3) / 24.0;
  const Tensor a = matrix({1, 1, 1, 1, 1, 0, 0, 1, -1, 2, -2, 0, 0, 1, 1, 4, 4, 0, 0, 1, -1, 8, -8, 1}, 6);
  const int64_t height = x.size(2), width = x.size(3), down = (height + 3) / 4, across = (width + 3) / 4;
  const Tensor padded = at::constant_pad_nd(f64(x).abs(), {1, 4 * across + 1 - width, 1, 4 * down + 1 - height});
  const Tensor tiles = b.matmul(padded.unfold(2, 6, 4).unfold(3, 6, 4)).matmul(b.t());
  const Tensor taps = g.matmul(f64(weight).abs()).matmul(g.t());
  const Tensor points = at::einsum("bidapq,oipq->bodapq", {tiles, taps});
  const Tensor pixels = a.matmul(points).matmul(a.t()).permute({0, 1, 2, 4, 3, 5});
  return pixels.reshape({x.size(0), weight.size(0), 4 * down, 4 * across}).slice(2, 0, height).slice(3, 0, width);
}

} // namespace

void linear(Random &random) {
  const int64_t inputs = random.size(random.rarely(8) ? 1500 : 300), outputs = random.size(300);
  std::vector<int64_t> input, output;
  for (int64_t left = random.rarely(8) ? 3000 : 200; random.coin() && input.size() < 4;) {
    input.push_back(random.size(left));
    left = std::max<int64_t>(1, left / input.back());
  }
  output = input;
  input.push_back(inputs);
  output.push_back(outputs);
  const Layer layer(random, input, {outputs, inputs}, output, false);
  const Kernel kernel = [](auto... of) { return CALL(dk_wide_linear, of...); };
  for (const int products : {darkroom::FLOATS, darkroom::TILES}) {
    const auto what = layer.text("a linear layer", products);
    const Tensor found = layer.call(random, kernel, products, what);
    if (!found.defined())
      continue;
    Tensor expected = at::linear(f64(layer.x), f64(layer.weight), exact(layer.bias));
    Tensor terms = at::linear(f64(layer.x).abs(), f64(layer.weight).abs(), magnitude(layer.bias));
    if (layer.other.defined()) {
      expected += f64(layer.other);
      terms += f64(layer.other).abs();
    }
    // A product of two numbers of bf16 is exact in f32: only the sums round.
    expect(found, at::kBFloat16, expected, summing(inputs + 2) * terms, what);
  }
  const Tensor x = random.dense({3, 5}, at::kBFloat16), weight = random.dense({6, 5}, at::kBFloat16);
  refusals(random, kernel, x, weight, random.dense({3, 6}, at::kBFloat16));
}

void convolution(Random &random) {
  const bool large = random.rarely(8);
  const int64_t batch = random.within(1, 3), inputs = random.size(large ? 100 : 70), outputs = random.size(130);
  const int64_t height = random.within(1, large ? 70 : 12), width = random.within(1, large ? 70 : 20);
  const Layer layer(random, {batch, inputs, height, width}, {outputs, inputs, 3, 3}, {batch, outputs, height, width}, true);
  const Kernel kernel = [](auto... of) { return CALL(dk_wide_conv3x3, of...); };
  for (const int products : {darkroom::FLOATS, darkroom::TILES}) {
    const auto what = layer.text("a convolution", products);
    const Tensor found = layer.call(random, kernel, products, what);
    if (!found.defined())
      continue;
    expect(found.is_contiguous(at::MemoryFormat::ChannelsLast), what + ": channels are innermost");
    const int64_t one[] = {1, 1};
    Tensor expected = at::conv2d(f64(layer.x), f64(layer.weight), exact(layer.bias), one, one);
    // What goes into a tile and a tap, and what comes out, is rounded at most 28 times on its way.
    Tensor error = products == darkroom::FLOATS
                       ? summing(inputs + 28) * winograd_magnitude(layer.x, layer.weight)
                       : summing(9 * inputs) * at::conv2d(f64(layer.x).abs(), f64(layer.weight).abs(), {}, one, one);
    if (layer.bias.defined())
      error += summing(2) * f64(layer.bias).abs().reshape({1, -1, 1, 1});
    if (layer.other.defined()) {
      expected += f64(layer.other);
      error += summing(2) * f64(layer.other).abs();
    }
    error += summing(2) * expected.abs();
    expect(found, at::kBFloat16, expected, error, what);
  }
  const Tensor x = random.dense({2, 5, 4, 3}, at::kBFloat16), weight = random.dense({6, 5, 3, 3}, at::kBFloat16);
  const Tensor other = random.dense({2, 6, 4, 3}, at::kBFloat16);
  refusals(random, kernel, x, weight, other);
  for (const int products : {darkroom::FLOATS, darkroom::TILES}) {
    for (const Tensor &wrong : {weight.slice(2, 0, 1).contiguous(), weight.slice(3, 0, 2).contiguous(), weight.select(3, 0).contiguous()})
      refuse([&](Tensor **out) { return kernel(&x, &wrong, nullptr, nullptr, products, out); }, "another kernel than 3×3");
    const Tensor flat = x.select(0, 0);
    refuse([&](Tensor **out) { return kernel(&flat, &weight, nullptr, nullptr, products, out); }, "a picture without a batch");
  }
}

} // namespace check
