// Linear layers in 8 bits on processors with AVX-512 VNNI: weights as whole numbers with one scale an output, inputs
// quantised as they come with one scale a row, exact sums in 32 bits (Dettmers et al. 2022 call this vector-wise).
// A row of the result depends on its own input and the weight alone: not on threads or on other rows.
#include "arena.h"
#include "guard.h"
#include "intrinsics.h"
#include "shim.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

using darkroom::guarded;

#ifdef DARKROOM_X86
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace {

constexpr int64_t LANES = 16, PANEL = 64;  // outputs in a vector, and in what is computed at once
constexpr int64_t ROWS = 6;                // rows whose sums stay in registers
constexpr int64_t CHUNK = 384 << 10;       // bytes of input that stay in a core's cache
constexpr int64_t MAX_INPUTS = 1 << 16;    // 255·127·this stays below 2³¹

bool processor() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vnni");
  return has;
}

int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

TARGET INLINE __mmask16 first(int64_t n) { return n >= LANES ? 0xffff : static_cast<__mmask16>((1u << n) - 1); }

TARGET INLINE __m512 load(const float *from, __mmask16 some) { return _mm512_maskz_loadu_ps(some, from); }

TARGET INLINE __m512 load(const at::BFloat16 *from, __mmask16 some) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

TARGET INLINE void store(float *to, __mmask16 some, __m512 x) { _mm512_mask_storeu_ps(to, some, x); }

// To the nearest, halves to even; NaN stays NaN.
TARGET INLINE void store(at::BFloat16 *to, __mmask16 some, __m512 x) {
  const __m512i bits = _mm512_castps_si512(x), top = _mm512_srli_epi32(bits, 16);
  const __m512i half = _mm512_add_epi32(_mm512_set1_epi32(0x7fff), _mm512_and_si512(top, _mm512_set1_epi32(1)));
  __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
  rounded = _mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), _mm512_set1_epi32(0x7fc0));
  _mm256_mask_storeu_epi16(to, some, _mm512_cvtepi32_epi16(rounded));
}

// Quantises a row to round(x·127/max|x|) + `offset`, zeros beyond it as far as `padded`, and returns the scale that undoes it:
// max|x|/127, NaN where an element is not a number or infinite.
template <typename T>
TARGET float quantise(const T *from, int64_t length, int offset, uint8_t *to, int64_t padded) {
  // As whole numbers, magnitudes have the order of floats, and NaN is the largest.
  __m512i most = _mm512_setzero_si512();
  for (int64_t k = 0; k < length; k += LANES) {
    const __m512i x = _mm512_castps_si512(load(from + k, first(length - k)));
    most = _mm512_max_epi32(most, _mm512_and_si512(x, _mm512_set1_epi32(0x7fffffff)));
  }
  const int bits = _mm512_reduce_max_epi32(most);
  const float largest = _mm512_cvtss_f32(_mm512_castsi512_ps(_mm512_set1_epi32(bits)));
  const bool finite = bits < 0x7f800000;
  // Below the smallest normal numbers the inverse would overflow: such a row is zeros.
  const float inverse = finite && largest >= 1e-35f ? 127.0f / largest : 0.0f;
  const __m512 factor = _mm512_set1_ps(inverse);
  const __m512i shift = _mm512_set1_epi32(offset);
  for (int64_t k = 0; k < padded; k += LANES) {
    const __m512 x = inverse == 0.0f ? _mm512_setzero_ps() : _mm512_mul_ps(load(from + std::min(k, length), k < length ? first(length - k) : 0), factor);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(to + k),
                     _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(x), shift)));
  }
  return finite ? (inverse == 0.0f ? 0.0f : largest / 127.0f) : std::numeric_limits<float>::quiet_NaN();
}

// A weight in the kernel's order: [panels][quads][64][4], with what every output is scaled by and the sum of its weights.
struct Weight {
  const int8_t *values;
  const float *scales;
  const int32_t *sums;
  int64_t outputs, inputs;
  int64_t panels() const { return (outputs + PANEL - 1) / PANEL; }
  int64_t quads() const { return (inputs + 3) / 4; }
};

// The four numbers at `from`, in every lane: they have no alignment.
TARGET INLINE __m512i everywhere(const uint8_t *from) {
  int32_t four;
  __builtin_memcpy(&four, from, 4);
  return _mm512_set1_epi32(four);
}

// The dot products of R rows of quantised input with the 64 outputs of a panel, scaled, with the bias added.
template <int R, typename T>
TARGET void tile(const Weight &w, const uint8_t *x, int64_t stride, const float *row_scales, int64_t panel, const T *bias,
                 T *out) {
  const int8_t *b = w.values + panel * w.quads() * PANEL * 4;
  __m512i sum[R][4];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v)
      sum[r][v] = _mm512_setzero_si512();
  for (int64_t quad = 0; quad < w.quads(); ++quad, b += PANEL * 4) {
    const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 64), b2 = _mm512_loadu_si512(b + 128),
                  b3 = _mm512_loadu_si512(b + 192);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512i a = everywhere(x + r * stride + quad * 4);
      sum[r][0] = _mm512_dpbusd_epi32(sum[r][0], a, b0);
      sum[r][1] = _mm512_dpbusd_epi32(sum[r][1], a, b1);
      sum[r][2] = _mm512_dpbusd_epi32(sum[r][2], a, b2);
      sum[r][3] = _mm512_dpbusd_epi32(sum[r][3], a, b3);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    const int64_t n = panel * PANEL + v * LANES;
    if (n >= w.outputs)
      break;
    const __mmask16 some = first(w.outputs - n);
    const __m512 scale = _mm512_loadu_ps(w.scales + n), more = bias ? load(bias + n, some) : _mm512_setzero_ps();
    const __m512i shift = _mm512_slli_epi32(_mm512_loadu_si512(w.sums + n), 7);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512 exact = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum[r][v], shift));
      const __m512 scaled = _mm512_mul_ps(scale, _mm512_set1_ps(row_scales[r]));
      store(out + r * w.outputs + n, some, _mm512_fmadd_ps(exact, scaled, more));
    }
  }
}

template <typename T>
void tiles(const Weight &w, const uint8_t *x, int64_t stride, const float *row_scales, int64_t rows, int64_t panel,
           const T *bias, T *out) {
  for (; rows >= ROWS; rows -= ROWS, x += ROWS * stride, row_scales += ROWS, out += ROWS * w.outputs)
    tile<ROWS>(w, x, stride, row_scales, panel, bias, out);
  switch (rows) {
  case 5: return tile<5>(w, x, stride, row_scales, panel, bias, out);
  case 4: return tile<4>(w, x, stride, row_scales, panel, bias, out);
  case 3: return tile<3>(w, x, stride, row_scales, panel, bias, out);
  case 2: return tile<2>(w, x, stride, row_scales, panel, bias, out);
  case 1: return tile<1>(w, x, stride, row_scales, panel, bias, out);
  }
}

// x [rows, inputs] → out [rows, outputs].
template <typename T> void multiply(const Weight &w, const Tensor &x, const Tensor *bias, Tensor &out) {
  const int64_t rows = x.numel() / w.inputs, stride = up(w.inputs, PANEL), panels = w.panels();
  auto bytes = at::empty({rows, stride}, x.options().dtype(at::kByte));
  auto scales = at::empty({rows}, x.options().dtype(at::kFloat));
  const T *from = x.const_data_ptr<T>(), *more = bias ? bias->const_data_ptr<T>() : nullptr;
  uint8_t *quantised = bytes.data_ptr<uint8_t>();
  float *scale = scales.data_ptr<float>();
  T *to = out.data_ptr<T>();
  at::parallel_for(0, rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      scale[row] = quantise(from + row * w.inputs, w.inputs, 128, quantised + row * stride, stride);
  });
  const int64_t chunk = std::max<int64_t>(CHUNK / stride / ROWS, 8) * ROWS, chunks = (rows + chunk - 1) / chunk;
  at::parallel_for(0, chunks * panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task / panels * chunk;
      tiles(w, quantised + row * stride, stride, scale + row, std::min(chunk, rows - row), task % panels, more,
            to + row * w.outputs);
    }
  });
}

void pack(const Tensor &weight, Tensor &values, Tensor &scales, Tensor &sums) {
  darkroom::LongLived weights;
  const Weight w{nullptr, nullptr, nullptr, weight.size(0), weight.size(1)};
  const bool halves = weight.scalar_type() == at::kBFloat16;
  const int64_t quads = w.quads(), padded = up(w.inputs, PANEL), each = quads * PANEL * 4;
  values = at::empty({w.panels(), quads, PANEL, 4}, weight.options().dtype(at::kChar));
  scales = at::zeros({w.panels() * PANEL}, weight.options().dtype(at::kFloat));
  sums = at::zeros({w.panels() * PANEL}, weight.options().dtype(at::kInt));
  int8_t *to = values.data_ptr<int8_t>();
  float *scale = scales.data_ptr<float>();
  int32_t *sum = sums.data_ptr<int32_t>();
  at::parallel_for(0, w.panels(), 1, [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> row(padded);
    for (int64_t n = begin * PANEL; n < end * PANEL; ++n) {
      std::fill(row.begin(), row.end(), 0);
      if (n < w.outputs && halves)
        scale[n] = quantise(weight.const_data_ptr<at::BFloat16>() + n * w.inputs, w.inputs, 0, row.data(), padded);
      else if (n < w.outputs)
        scale[n] = quantise(weight.const_data_ptr<float>() + n * w.inputs, w.inputs, 0, row.data(), padded);
      int8_t *column = to + n / PANEL * each + n % PANEL * 4;
      for (int64_t k = 0; k < quads * 4; ++k) {
        const int8_t value = static_cast<int8_t>(row[k]);
        column[k / 4 * PANEL * 4 + k % 4] = value;
        sum[n] += value;
      }
    }
  });
}

// Whether these are what `pack` makes of a weight [outputs, inputs].
bool is_packed(const Tensor &values, const Tensor &scales, const Tensor &sums, int64_t outputs, int64_t inputs) {
  if (outputs <= 0 || inputs <= 0 || inputs > MAX_INPUTS)
    return false;
  const auto holds = [](const Tensor &t, at::ScalarType kind, at::IntArrayRef size) {
    return t.device().is_cpu() && t.scalar_type() == kind && t.sizes() == size && t.is_contiguous();
  };
  const int64_t panels = (outputs - 1) / PANEL + 1, quads = (inputs + 3) / 4;
  return holds(values, at::kChar, {panels, quads, PANEL, 4}) && holds(scales, at::kFloat, {panels * PANEL}) &&
         holds(sums, at::kInt, {panels * PANEL});
}

// Whether `multiply` takes x, and bias with it.
bool is_input(const Tensor &x, const Tensor *bias, int64_t outputs, int64_t inputs) {
  const auto kind = x.scalar_type();
  return x.device().is_cpu() && (kind == at::kFloat || kind == at::kBFloat16) && x.dim() > 0 && x.size(-1) == inputs &&
         (!bias || (bias->device().is_cpu() && bias->scalar_type() == kind && bias->numel() == outputs && bias->is_contiguous()));
}

} // namespace
#endif

extern "C" {

int dk_int8_possible() {
#ifdef DARKROOM_X86
  return processor() ? 1 : 0;
#else
  return 0;
#endif
}

// weight [outputs, inputs] in f32 or bf16; what is left behind stays null where this kernel cannot take it.
int dk_int8_pack([[maybe_unused]] const Tensor *weight, Tensor **values, Tensor **scales, Tensor **sums) {
  return guarded([&] {
    *values = *scales = *sums = nullptr;
#ifdef DARKROOM_X86
    const auto kind = weight->scalar_type();
    if (!processor() || !weight->device().is_cpu() || weight->dim() != 2 || weight->numel() == 0 ||
        weight->size(1) > MAX_INPUTS || (kind != at::kFloat && kind != at::kBFloat16))
      return;
    // All three or none, should memory end here.
    auto bytes = std::make_unique<Tensor>(), factors = std::make_unique<Tensor>(), totals = std::make_unique<Tensor>();
    pack(weight->contiguous(), *bytes, *factors, *totals);
    *values = bytes.release();
    *scales = factors.release();
    *sums = totals.release();
#endif
  });
}

// x [.., inputs] and bias [outputs] or null in f32 or bf16, both the same, on the CPU; the weight [outputs, inputs] as
// dk_int8_pack left it → [.., outputs].
int dk_int8_linear([[maybe_unused]] const Tensor *x, [[maybe_unused]] int64_t inputs, [[maybe_unused]] int64_t outputs,
                   [[maybe_unused]] const Tensor *values, [[maybe_unused]] const Tensor *scales,
                   [[maybe_unused]] const Tensor *sums, [[maybe_unused]] const Tensor *bias, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
#ifdef DARKROOM_X86
    TORCH_CHECK(processor() && is_packed(*values, *scales, *sums, outputs, inputs), "this is no weight of ", outputs,
                " outputs and ", inputs, " inputs in 8 bits");
    TORCH_CHECK(is_input(*x, bias, outputs, inputs), "input ", x->sizes(), " is not for a weight of ", outputs, " outputs and ",
                inputs, " inputs, or its dtype, device or bias is not");
    const Tensor input = x->contiguous();
    const Weight w{values->const_data_ptr<int8_t>(), scales->const_data_ptr<float>(), sums->const_data_ptr<int32_t>(),
                   outputs, inputs};
    auto size = input.sizes().vec();
    size.back() = outputs;
    Tensor result = at::empty(size, input.options());
    if (input.scalar_type() == at::kFloat)
      multiply<float>(w, input, bias, result);
    else
      multiply<at::BFloat16>(w, input, bias, result);
    *out = new Tensor(result);
#else
    TORCH_CHECK(false, "this processor has no kernel for 8 bits");
#endif
  });
}
}
