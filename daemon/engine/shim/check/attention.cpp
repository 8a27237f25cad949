// Attention of bf16, by every way to multiply that the processor has.
#include "check.h"

#include "../products.h"

#include <ATen/ops/empty.h>

#include <cmath>

namespace check {
namespace {

Call call(const Tensor &query, const Tensor &key, const Tensor &value, double scale, int products) {
  return [=](Tensor **out) { return CALL(dk_attention, &query, &key, &value, scale, products, out); };
}

void refusals(Random &random) {
  const auto refuse = [](const Tensor &query, const Tensor &key, const Tensor &value, const char *what) {
    for (const int products : {darkroom::PAIRS, darkroom::FLOATS, darkroom::TILES})
      check::refuse(call(query, key, value, 1, products), what);
  };
  const auto draw = [&](at::IntArrayRef size) { return random.dense(size, at::kBFloat16); };
  const Tensor q = draw({2, 3, 4, 8}), k = draw({2, 3, 5, 8}), v = draw({2, 3, 5, 8});
  for (const int products : {-1, 3, 1000})
    check::refuse(call(q, k, v, 1, products), "a way to multiply that is none");
  for (const Tensor &wrong : {q.to(at::kFloat), q.to(at::kHalf), q.slice(0, 0, 1), q.slice(1, 0, 2), q.slice(3, 0, 7), q.slice(2, 0, 0), q[0],
                              q[0][0][0][0], q.unsqueeze(0), q.transpose(2, 3), at::empty(q.sizes(), q.options().device(at::kMeta)), Tensor()})
    refuse(wrong, k, v, "another query");
  for (const Tensor &wrong : {k.to(at::kFloat), k.slice(0, 0, 1), k.slice(1, 0, 2), k.slice(2, 0, 4), k.slice(2, 0, 0), k.slice(3, 0, 7), k[0],
                              at::empty(k.sizes(), k.options().device(at::kMeta)), Tensor()}) {
    refuse(q, wrong, v, "another key");
    refuse(q, k, wrong, "another value");
  }
  // A view of one key that says it has more than any memory.
  const Tensor many = k.slice(2, 0, 1).expand({2, 3, int64_t{1} << 56, 8});
  refuse(q, many, many, "more keys than there is memory for");
}

// [B, N, heads, D] with the heads before: as models have it. Or as it is.
Tensor drawn(Random &random, int64_t batch, int64_t heads, int64_t rows, int64_t dim) {
  if (random.coin())
    return random.normal({batch, heads, rows, dim}, at::kBFloat16, true);
  return random.dense({batch, rows, heads * dim}, at::kBFloat16).reshape({batch, rows, heads, dim}).transpose(1, 2);
}

} // namespace

void attention(Random &random) {
  const int64_t batch = random.within(1, 2), heads = random.within(1, 3), dim = random.size(170);
  const int64_t queries = random.size(210), keys = random.size(random.rarely(4) ? 1300 : 200);
  const Tensor q = drawn(random, batch, heads, queries, dim), k = drawn(random, batch, heads, keys, dim);
  Tensor v = drawn(random, batch, heads, keys, dim);
  if (random.rarely(5))
    v = v.slice(1, 0, 1).expand({batch, heads, keys, dim});
  // Also so large that few keys count, and that the largest comes late.
  const double scale = random.pick({1.0, 8.0, 0.1}) / std::sqrt(static_cast<double>(dim));
  const Tensor scores = f64(q).matmul(f64(k).transpose(2, 3)), probabilities = (scores * scale).softmax(-1);
  const auto heads_last = [&](const Tensor &t) { return t.transpose(1, 2).reshape({batch, queries, heads * dim}); };
  const Tensor expected = heads_last(probabilities.matmul(f64(v))), magnitudes = heads_last(probabilities.matmul(f64(v).abs()));
  // An exponent's error is relative to its power: that of a sum of products, and of the steps from there to the power of two.
  const double terms = f64(q).abs().matmul(f64(k).abs().transpose(2, 3)).max().item<double>() * scale;
  const double largest = scores.abs().max().item<double>() * scale;
  for (const int products : {darkroom::PAIRS, darkroom::FLOATS, darkroom::TILES}) {
    const std::string what = "attention of " + sizes(q) + ", keys " + sizes(k) + ", values " + sizes(v) + ", scale " + std::to_string(scale) +
                             ", products " + std::to_string(products);
    const Tensor found = served(random, has_products(products), call(q, k, v, scale, products), what);
    if (!found.defined())
      continue;
    // 1e-5 is what attention.cpp says of its power of two. Above and below the fraction are sums over the keys.
    const double power = summing(dim) * terms + 4 * roundoff(at::kFloat) * largest + 1e-5;
    const double rounded = products == darkroom::FLOATS ? 0 : roundoff(at::kBFloat16);
    const double error = rounded + 2 * power + 2 * summing(keys + 8);
    expect(found, at::kBFloat16, expected, error * magnitudes, what);
  }
  refusals(random);
}

} // namespace check
