// What the checks of the shim share: numbers, shapes and layouts drawn from a seed, memory whose ends are watched, and bounds on
// how far a result may be from the exact one. `cargo xtask sanitize` compiles this folder and the shim with the sanitizers.
//
// A check calls the shim as Rust does, through shim.h. What it compares with is ATen's own operation in f64, whose own error is
// nothing beside that of the kernels: every bound is then about the kernel alone.
#pragma once

#include "../shim.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace check {

// A result that is wrong, in a sentence.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Calls a function of the shim and notes that it was: main.cpp compares with what shim.h declares.
#define CALL(function, ...) (check::called(#function), function(__VA_ARGS__))
void called(const char *function);

// What a case draws: the same seed gives the same case.
class Random {
public:
  Random(uint64_t seed, const std::string &check);
  // A whole number from `least` to `most`.
  int64_t within(int64_t least, int64_t most);
  bool coin() { return within(0, 1) == 1; }
  // True once in `times`.
  bool rarely(int64_t times) { return within(1, times) == 1; }
  // A size: small ones, those around a multiple of what kernels take at once, or anything up to `most`.
  int64_t size(int64_t most);
  template <typename T> T pick(std::initializer_list<T> of) { return of.begin()[within(0, static_cast<int64_t>(of.size()) - 1)]; }
  // Normal numbers of a dtype, anywhere in memory and in any layout; of `rows`, the last dimension lies in one piece.
  Tensor normal(at::IntArrayRef size, at::ScalarType kind, bool rows = false);
  // The same in one piece.
  Tensor dense(at::IntArrayRef size, at::ScalarType kind);
  // As it is, or with its dimensions strewn over more memory than it needs.
  Tensor strewn(const Tensor &values, bool rows = false);

private:
  std::mt19937_64 bits;
  at::Generator numbers;
};

// Memory of a tensor that ends at a page nobody may touch, or begins after one: what reads or writes beyond is killed, also
// where the sanitizer sees nothing, as in loads under a mask and in tiles. All of it is NaN.
Tensor fenced(at::IntArrayRef size, at::ScalarType kind, bool at_end);

// How tensors that libtorch allocates get their memory.
enum class Memory {
  HEAP,   // the sanitizer's
  FENCED, // as `fenced`, and what lies between a block and the fence is looked at when it is freed
  ARENA,  // the shim's; for good
};
void use(Memory memory);

// What the processor has.
bool has_avx512_bf16();
bool has_products(int products);

// Half of the distance between two numbers next to each other, relative to them: what rounding to a dtype takes.
double roundoff(at::ScalarType kind);

// The error of a sum of `terms` in f32 in any order, relative to the sum of the magnitudes: the worst that can be is
// terms·2⁻²⁴; rounding errors are of either sign, so that the sum of many grows by their root: 8·√terms·2⁻²⁴ holds but once in
// 10¹³ (Higham and Mary 2019, theorem 2.4 with λ = 8).
double summing(int64_t terms);

Tensor f64(const Tensor &t);
std::string sizes(const Tensor &t);

// A call of the shim that may leave a tensor behind.
using Call = std::function<int(Tensor **out)>;
// What a call leaves that is a success: undefined where that is nothing.
Tensor taken(const Call &call, const std::string &what);
// The same where there must be something.
Tensor result(const Call &call, const std::string &what);
// A call that must fail, or leave nothing.
void refuse(const Call &call, const std::string &what);
// On several threads and on one: the result where the kernel serves, else that it refuses.
Tensor served(Random &random, bool serves, const Call &call, const std::string &what);

// Fails where `found` is not `kind` of the sizes of `expected`, or further from it than `error` of its own, rounded once more.
// Both are f64; `error` is what may be wrong before the rounding.
void expect(const Tensor &found, at::ScalarType kind, const Tensor &expected, const Tensor &error, const std::string &what);
void expect(bool holds, const std::string &what);

// A check runs one case.
void attention(Random &random);
void convolution(Random &random);
void devices(Random &random);
void geglu(Random &random);
void group_norm(Random &random);
void int8(Random &random);
void linear(Random &random);
void memory(Random &random);
void packed(Random &random);
void tensors(Random &random);

} // namespace check
