// What the checks draw and how they compare.
#include "check.h"

#include "../guard.h"
#include "../products.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <sstream>

namespace check {

Random::Random(uint64_t seed, const std::string &check) {
  // Checks of one round are not to draw the same.
  for (const char letter : check)
    seed = seed * 1099511628211u + static_cast<unsigned char>(letter);
  bits.seed(seed);
  numbers = at::detail::createCPUGenerator(bits());
}

int64_t Random::within(int64_t least, int64_t most) {
  return least + static_cast<int64_t>(bits() % static_cast<uint64_t>(most - least + 1));
}

int64_t Random::size(int64_t most) {
  switch (within(0, 2)) {
  case 0: return within(1, std::min<int64_t>(most, 8));
  case 1: return std::clamp<int64_t>(within(1, 6) * pick<int64_t>({16, 32, 64}) + within(-1, 1), 1, most);
  default: return within(1, most);
  }
}

Tensor Random::dense(at::IntArrayRef size, at::ScalarType kind) {
  Tensor to = fenced(size, kind, coin());
  to.copy_(at::randn(size, numbers, at::TensorOptions().dtype(at::kFloat)));
  return to;
}

Tensor Random::normal(at::IntArrayRef size, at::ScalarType kind, bool rows) { return strewn(dense(size, kind), rows); }

Tensor Random::strewn(const Tensor &values, bool rows) {
  const int64_t dims = values.dim();
  if (rarely(4) || dims == 0)
    return values;
  // In which order the dimensions lie in memory, the outermost first.
  std::vector<int64_t> order(static_cast<size_t>(dims));
  std::iota(order.begin(), order.end(), 0);
  if (dims == 4 && !rows && coin())
    order = {0, 2, 3, 1};
  else if (coin())
    for (int64_t i = dims - (rows ? 2 : 1); i > 0; --i)
      std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(within(0, i))]);
  std::vector<int64_t> lengths, starts, steps, back(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const int64_t dim = order[i];
    const bool last = dim == dims - 1;
    const int64_t step = (rows && last) || !rarely(6) ? 1 : 2, start = coin() ? 0 : within(0, 3);
    lengths.push_back(start + values.size(dim) * step + (coin() ? 0 : within(0, 3)));
    starts.push_back(start);
    steps.push_back(step);
    back[static_cast<size_t>(dim)] = static_cast<int64_t>(i);
  }
  Tensor at = fenced(lengths, values.scalar_type(), coin());
  for (size_t i = 0; i < order.size(); ++i)
    at = at.slice(static_cast<int64_t>(i), starts[i], starts[i] + values.size(order[i]) * steps[i], steps[i]);
  at = at.permute(back);
  at.copy_(values);
  return at;
}

bool has_avx512_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

bool has_products(int products) {
  return products == darkroom::TILES ? CALL(dk_products) == darkroom::TILES : has_avx512_bf16();
}

double roundoff(at::ScalarType kind) { return kind == at::kBFloat16 ? 0x1p-8 : 0x1p-24; }

double summing(int64_t terms) {
  const auto n = static_cast<double>(terms);
  return std::min(n, 8 * std::sqrt(n)) * 0x1p-24;
}

Tensor f64(const Tensor &t) { return t.to(at::kDouble); }

std::string sizes(const Tensor &t) {
  std::ostringstream text;
  if (t.defined())
    text << t.scalar_type() << ' ' << t.sizes() << " by " << t.strides();
  else
    text << "none";
  return text.str();
}

Tensor taken(const Call &call, const std::string &what) {
  Tensor *out = nullptr;
  if (call(&out) != darkroom::OK)
    throw Failure(what + " fails: " + CALL(dk_last_error));
  const std::unique_ptr<Tensor> held(out);
  return held ? *held : Tensor();
}

Tensor result(const Call &call, const std::string &what) {
  const Tensor found = taken(call, what);
  expect(found.defined(), what + " leaves a tensor");
  return found;
}

void refuse(const Call &call, const std::string &what) {
  Tensor *out = nullptr;
  const int code = call(&out);
  const std::unique_ptr<Tensor> held(out);
  expect(!held, what + " is refused");
  expect(code == darkroom::OK || CALL(dk_last_error)[0] != '\0', what + " is refused with a word");
}

Tensor served(Random &random, bool serves, const Call &call, const std::string &what) {
  if (!serves) {
    refuse(call, what);
    return {};
  }
  at::set_num_threads(static_cast<int>(random.within(2, 3)));
  const Tensor several = result(call, what);
  at::set_num_threads(1);
  expect(at::equal(several, result(call, what)), what + " is the same on any threads");
  return several;
}

void expect(const Tensor &found, at::ScalarType kind, const Tensor &expected, const Tensor &error, const std::string &what) {
  expect(found.scalar_type() == kind && found.sizes() == expected.sizes(), what + ": " + sizes(found) + " for " + sizes(expected));
  if (found.numel() == 0)
    return;
  const Tensor away = (f64(found) - expected).abs(), bound = error + roundoff(kind) * (expected.abs() + error);
  // NaN is not within anything.
  const Tensor within = away <= bound;
  if (within.all().item<bool>())
    return;
  const Tensor worst = (away / bound).nan_to_num(INFINITY).masked_fill(within, -1).argmax();
  const auto at = [&](const Tensor &t) { return t.expand_as(expected).reshape({-1})[worst.item<int64_t>()].item<double>(); };
  std::ostringstream text;
  text << what << ": number " << worst.item<int64_t>() << " is " << at(f64(found)) << ", not " << at(expected) << " to within " << at(bound);
  throw Failure(text.str());
}

void expect(bool holds, const std::string &what) {
  if (!holds)
    throw Failure("not so: " + what);
}

} // namespace check
