// Group normalisation and GEGLU of bf16.
#include "check.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>

#include <limits>

namespace check {
namespace {

constexpr at::ScalarType KIND = at::kBFloat16;

struct Norm {
  Tensor x, bias, weight, offset;
  int64_t groups;
  double eps;
  bool silu;

  Call call() const {
    return [this](Tensor **out) {
      return CALL(dk_group_norm, &x, bias.defined() ? &bias : nullptr, &weight, &offset, groups, eps, silu ? 1 : 0, out);
    };
  }

  std::string text() const {
    return "group norm of " + sizes(x) + ", bias " + sizes(bias) + ", groups " + std::to_string(groups) + ", eps " + std::to_string(eps) +
           (silu ? ", with SiLU" : "");
  }

  void look(const Tensor &found) const {
    const int64_t batch = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
    Tensor shifted = f64(x);
    if (bias.defined())
      shifted = shifted + f64(bias).reshape({-1, channels, 1, 1});
    Tensor expected = at::group_norm(shifted, groups, f64(weight), f64(offset), eps);
    // The kernel sums up, in f32, x and its square by channel from the first pixel on.
    const auto by_group = [&](const Tensor &t) { return t.reshape({batch, groups, -1}); };
    const auto by_channel = [&](const Tensor &t) {
      return t.reshape({batch, groups, 1}).expand({batch, groups, channels / groups}).reshape({batch, channels, 1, 1});
    };
    const Tensor away = f64(x) - f64(x).slice(2, 0, 1).slice(3, 0, 1);
    const Tensor variance = by_group(shifted).var(2, false) + eps, inverse = variance.rsqrt();
    const Tensor square = by_group(away * away).mean(2), length = square.sqrt();
    // Of the mean, relative to the spread; of the spread's inverse, relative to it: half of the variance's.
    const Tensor mean_error = by_channel(summing(pixels + 1) * length * inverse);
    const Tensor scale_error = by_channel(summing(pixels + 3) * (1.5 * square + 0.5 * eps) / variance);
    const Tensor w = f64(weight).abs().reshape({1, -1, 1, 1}), o = f64(offset).abs().reshape({1, -1, 1, 1});
    const Tensor normal = (expected - f64(offset).reshape({1, -1, 1, 1})).abs();
    // x·scale + shift: both rounded to f32, as is the sum.
    const Tensor mean = by_channel(by_group(shifted).mean(2)), by = by_channel(inverse);
    Tensor line = (f64(x).abs() + mean.abs()) * by * w + o;
    if (bias.defined())
      line = line + f64(bias).abs().reshape({-1, channels, 1, 1}) * by * w;
    Tensor error = mean_error * w + scale_error * normal + summing(4) * (line + expected.abs());
    if (silu) {
      // Its slope is at most 1.1, and its exponential is right to 3e-7.
      error = 1.1 * error + 5e-7 * expected.abs();
      expected = at::silu(expected);
    }
    expect(found, KIND, expected, error, text());
    expect(found.is_contiguous(at::MemoryFormat::ChannelsLast), text() + ": channels stay innermost");
  }
};

void refusals(Random &random) {
  const Tensor x = random.dense({2, 5, 6, 8}, KIND).permute({0, 3, 1, 2});
  const Norm fine{x, random.dense({2, 8}, KIND), random.dense({8}, KIND), random.dense({8}, KIND), 4, 1e-5, false};
  const auto refuse = [&](auto change, const char *what) {
    Norm wrong = fine;
    change(wrong);
    check::refuse(wrong.call(), what);
  };
  const auto elsewhere = [](const Tensor &t) { return at::empty(t.sizes(), t.options().device(at::kMeta)); };
  for (const int64_t groups : {int64_t{0}, int64_t{-4}, int64_t{3}, int64_t{16}, std::numeric_limits<int64_t>::min()})
    refuse([&](Norm &it) { it.groups = groups; }, "groups that do not divide channels");
  refuse([](Norm &it) { it.x = it.x.contiguous(); }, "channels outermost");
  for (const Tensor &wrong : {x.to(at::kFloat), elsewhere(x), x.slice(0, 0, 0), x.slice(1, 0, 4), x[0], x[0][0][0][0], Tensor()})
    refuse([&](Norm &it) { it.x = wrong; }, "another x");
  const Tensor more = random.dense({9}, KIND), fewer = random.dense({7}, KIND), holes = random.dense({8, 2}, KIND).select(1, 0);
  for (const Tensor &wrong : {more, fewer, holes, fine.weight.to(at::kFloat), elsewhere(fine.weight), fine.weight.slice(0, 0, 0), Tensor()}) {
    refuse([&](Norm &it) { it.weight = wrong; }, "another weight");
    refuse([&](Norm &it) { it.offset = wrong; }, "another offset");
  }
  for (const Tensor &wrong : {more, random.dense({3, 8}, KIND), random.dense({2, 9}, KIND), random.dense({8}, KIND), random.dense({8, 2}, KIND).t(),
                              fine.bias.to(at::kFloat), elsewhere(fine.bias), fine.bias.slice(0, 0, 0)})
    refuse([&](Norm &it) { it.bias = wrong; }, "another bias");
}

} // namespace

void group_norm(Random &random) {
  const bool large = random.rarely(6);
  const int64_t batch = random.within(1, 3), groups = random.pick<int64_t>({1, 2, 3, 8, 32}), each = random.size(large ? 40 : 12);
  const int64_t channels = groups * each, height = random.within(1, large ? 60 : 12), width = random.within(1, 12);
  Tensor x = random.dense({batch, height, width, channels}, KIND).permute({0, 3, 1, 2});
  if (random.rarely(3))
    x.mul_(0.1).add_(random.within(-20, 20));
  if (random.rarely(4))
    x = random.strewn(x);
  Norm norm{x, {}, random.dense({channels}, KIND), random.dense({channels}, KIND), groups, random.pick({1e-5, 1e-6, 1e-3}), random.coin()};
  if (random.coin())
    norm.bias = random.dense({random.coin() ? 1 : batch, channels}, KIND);
  const bool serves = has_avx512_bf16() && x.is_contiguous(at::MemoryFormat::ChannelsLast);
  const Tensor found = served(random, serves, norm.call(), norm.text());
  if (found.defined())
    norm.look(found);
  refusals(random);
}

void geglu(Random &random) {
  std::vector<int64_t> size;
  while (size.size() < 3 && random.coin())
    size.push_back(random.size(40));
  size.push_back(2 * random.size(200));
  const Tensor x = random.rarely(4) ? random.normal(size, KIND) : random.dense(size, KIND);
  if (random.coin())
    x.mul_(4);
  const auto call = [](const Tensor &x) { return [&](Tensor **out) { return CALL(dk_geglu, &x, out); }; };
  const std::string what = "GEGLU of " + sizes(x);
  const Tensor found = served(random, has_avx512_bf16() && x.is_contiguous(), call(x), what);
  if (found.defined()) {
    const auto halves = f64(x).chunk(2, -1);
    // geglu.cpp says 1e-7 of the normal distribution; its own steps are a dozen of f32.
    const Tensor error = halves[0].abs() * halves[1].abs() * (1e-7 + 16 * roundoff(at::kFloat));
    expect(found, KIND, halves[0] * at::gelu(halves[1]), error, what);
  }
  const Tensor fine = random.dense({3, 8}, KIND);
  for (const Tensor &wrong : {fine.to(at::kFloat), fine.slice(1, 0, 7).contiguous(), fine.slice(1, 0, 6), fine.slice(0, 0, 0), fine.slice(1, 0, 0),
                              fine[0][0], at::empty({3, 8}, fine.options().device(at::kMeta)), Tensor()})
    refuse(call(wrong), "another x than GEGLU's");
}

} // namespace check
