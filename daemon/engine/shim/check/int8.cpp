// Linear layers in 8 bits: what a weight is packed to, and what comes out for it.
#include "check.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

namespace check {
namespace {

struct Packed {
  Tensor values, scales, sums;
};

// One of several things that a call left behind.
Call left(Tensor *part, int code) {
  return [=](Tensor **out) {
    *out = part;
    return code;
  };
}

Packed pack(const Tensor &weight, const std::string &what) {
  Tensor *values = nullptr, *scales = nullptr, *sums = nullptr;
  const int code = CALL(dk_int8_pack, &weight, &values, &scales, &sums);
  return {result(left(values, code), what), result(left(scales, code), what), result(left(sums, code), what)};
}

void refuse_to_pack(const Tensor &weight, const std::string &what) {
  Tensor *parts[3] = {};
  const int code = CALL(dk_int8_pack, &weight, &parts[0], &parts[1], &parts[2]);
  for (Tensor *part : parts)
    refuse(left(part, code), what);
}

Call call(const Tensor &x, int64_t inputs, int64_t outputs, const Packed &w, const Tensor *bias) {
  return [=, &x, &w](Tensor **out) { return CALL(dk_int8_linear, &x, inputs, outputs, &w.values, &w.scales, &w.sums, bias, out); };
}

// Rows as whole numbers of f64, and by what each is to be multiplied: by the formula of int8.cpp, with its operations in f32.
struct Quantised {
  Tensor values, scales;
  explicit Quantised(const Tensor &t) {
    const Tensor exact = t.to(at::kFloat), largest = exact.abs().amax({-1}, true);
    const Tensor factor = (at::full_like(largest, 127) / largest).masked_fill(largest < 1e-35f, 0);
    values = f64((exact * factor).round());
    scales = f64(largest / 127.0f).masked_fill(largest < 1e-35f, 0);
  }
};

void look_at_weight(const Packed &packed, const Quantised &weight, const std::string &what) {
  const int64_t outputs = weight.values.size(0), inputs = weight.values.size(1), quads = packed.values.size(1);
  // [panels][quads][64][4] → [panels·64][quads·4].
  const Tensor all = packed.values.permute({0, 2, 1, 3}).reshape({-1, 4 * quads}).to(at::kDouble);
  Tensor expected = at::zeros(all.sizes(), all.options());
  expected.slice(0, 0, outputs).slice(1, 0, inputs).copy_(weight.values);
  expect(all.equal(expected), what + ": whole numbers are the nearest");
  expect(f64(packed.sums).equal(expected.sum(1)), what + ": sums are those of the numbers");
  const Tensor scales = f64(packed.scales).slice(0, 0, outputs).unsqueeze(1);
  expect(((scales - weight.scales).abs() <= 2 * roundoff(at::kFloat) * weight.scales).all().item<bool>(), what + ": scales are those of the rows");
  expect((packed.scales.slice(0, outputs) == 0).all().item<bool>(), what + ": no scales beyond the outputs");
}

void refusals(Random &random) {
  const Tensor weight = random.dense({70, 10}, at::kFloat), x = random.dense({3, 10}, at::kFloat), bias = random.dense({70}, at::kFloat);
  const auto elsewhere = [](const Tensor &t) { return at::empty(t.sizes(), t.options().device(at::kMeta)); };
  for (const Tensor &wrong : {weight.to(at::kHalf), weight.to(at::kInt), weight[0], weight[0][0], weight.unsqueeze(0), weight.slice(0, 0, 0),
                              weight.slice(1, 0, 0), elsewhere(weight), weight[0][0].expand({2, (1 << 16) + 1}), Tensor()})
    refuse_to_pack(wrong, "another weight");
  const Packed packed = pack(weight, "a weight");
  const auto refuse = [&](const Tensor &x, int64_t inputs, int64_t outputs, const Packed &packed, const Tensor &bias, const char *what) {
    check::refuse(call(x, inputs, outputs, packed, &bias), what);
  };
  for (const Tensor &wrong : {x.to(at::kHalf), x.to(at::kInt), x.to(at::kBFloat16), x.slice(1, 0, 9), x.slice(1, 0, 0), x[0][0], elsewhere(x),
                              at::zeros({3, 11}), at::zeros({3, 12}), Tensor()})
    refuse(wrong, 10, 70, packed, bias, "another x");
  for (const int64_t inputs : {int64_t{0}, int64_t{-1}, int64_t{9}, int64_t{11}, int64_t{12}, int64_t{1} << 62}) {
    refuse(x, inputs, 70, packed, bias, "other inputs");
    // 9 to 12 inputs lie in as many bytes as 10: there the weight cannot tell.
    if (inputs < 9 || inputs > 12)
      refuse(at::zeros({3, std::max<int64_t>(inputs, 0) % 100}), inputs, 70, packed, bias, "other inputs of x too");
  }
  for (const int64_t outputs : {int64_t{0}, int64_t{-1}, int64_t{64}, int64_t{129}, std::numeric_limits<int64_t>::max()})
    refuse(x, 10, outputs, packed, bias, "other outputs");
  for (const Tensor &wrong : {bias.to(at::kBFloat16), bias.slice(0, 0, 69), bias.slice(0, 0, 0), elsewhere(bias), at::zeros({70, 2}).select(1, 0), Tensor()})
    refuse(x, 10, 70, packed, wrong, "another bias");
  const auto part = [&](auto change, const char *what) {
    Packed wrong = packed;
    change(wrong);
    refuse(x, 10, 70, wrong, bias, what);
  };
  part([&](Packed &it) { it.values = it.values.slice(1, 0, 2); }, "fewer values");
  part([&](Packed &it) { it.values = it.values.transpose(0, 1).contiguous().transpose(0, 1); }, "values in another order");
  part([&](Packed &it) { it.values = it.values.to(at::kByte); }, "values of another dtype");
  part([&](Packed &it) { it.values = it.values.reshape({-1}); }, "values in a row");
  part([&](Packed &it) { it.values = elsewhere(it.values); }, "values elsewhere");
  part([&](Packed &it) { it.values = Tensor(); }, "no values");
  part([&](Packed &it) { it.scales = it.scales.slice(0, 0, 127); }, "fewer scales");
  part([&](Packed &it) { it.scales = f64(it.scales); }, "scales of another dtype");
  part([&](Packed &it) { it.scales = elsewhere(it.scales); }, "scales elsewhere");
  part([&](Packed &it) { it.sums = it.sums.slice(0, 0, 70); }, "fewer sums");
  part([&](Packed &it) { it.sums = it.sums.to(at::kLong); }, "sums of another dtype");
  part([&](Packed &it) { it.sums = elsewhere(it.sums); }, "sums elsewhere");
  const Tensor none = at::zeros({0, 10});
  expect(result(call(none, 10, 70, packed, nullptr), "no rows").numel() == 0, "no rows stay none");
}

} // namespace

void int8(Random &random) {
  const int64_t inputs = random.size(random.rarely(8) ? 2000 : 300), outputs = random.size(200);
  std::vector<int64_t> size;
  if (random.coin())
    size.push_back(random.within(1, 4));
  if (random.coin())
    size.push_back(random.size(random.rarely(6) ? 1500 : 60));
  size.push_back(inputs);
  const auto kind = random.pick({at::kFloat, at::kBFloat16});
  const Tensor x = random.normal(size, kind), weight = random.normal({outputs, inputs}, random.pick({at::kFloat, at::kBFloat16}));
  if (random.rarely(4)) {
    weight[random.within(0, outputs - 1)].zero_();
    x.select(0, 0).zero_();
  }
  Tensor bias;
  if (random.coin())
    bias = random.dense({outputs}, kind);
  const std::string what = "8 bits of " + sizes(x) + ", weight " + sizes(weight) + ", bias " + sizes(bias);
  if (CALL(dk_int8_possible) == 0) {
    refuse_to_pack(weight, what);
    return refuse(call(x, inputs, outputs, {x, x, x}, nullptr), what);
  }
  const Packed packed = pack(weight, what);
  const Quantised row(x), column(weight);
  look_at_weight(packed, column, what);
  const Tensor found = served(random, true, call(x, inputs, outputs, packed, bias.defined() ? &bias : nullptr), what);
  // The sums are exact; scales, product and bias are rounded to f32 as they come.
  Tensor expected = at::linear(row.values, column.values) * row.scales * column.scales.squeeze(1);
  Tensor error = summing(6) * expected.abs(), original = at::linear(f64(x), f64(weight));
  // A whole number stands for what is within half a step of it: so much is lost of what ATen has from the numbers themselves.
  const Tensor x_step = row.scales / 2, w_step = column.scales.squeeze(1) / 2;
  Tensor lost = f64(x).abs().sum(-1, true) * w_step + x_step * f64(weight).abs().sum(1) + static_cast<double>(inputs) * x_step * w_step;
  if (bias.defined()) {
    expected = expected + f64(bias);
    original = original + f64(bias);
    error = error + summing(2) * (f64(bias).abs() + expected.abs());
  }
  expect(found, kind, expected, error, what);
  expect(found, kind, original, 1.001 * lost + error, what + ", before 8 bits");
  refusals(random);
}

} // namespace check
