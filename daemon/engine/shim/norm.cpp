// Group normalisation (Wu and He 2018) of bf16 with the channels innermost, with the bias before it and the SiLU after it:
// twice over the input and once over the output, in f32, rounded once.
#include "guard.h"
#include "shim.h"
#include "simd.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/record_function.h>

using darkroom::guarded;

#ifdef DARKROOM_AVX512_BF16
namespace {

using namespace darkroom;

constexpr int64_t BLOCK = 1 << 15; // elements that a task reads at a time, about
constexpr int64_t VECTORS = 8;     // vectors of channels whose sums stay in registers

struct Shape {
  int64_t batch, pixels, channels, groups;
  int64_t block() const { return std::max<int64_t>(1, BLOCK / channels); }
  int64_t blocks() const { return (pixels + block() - 1) / block(); }
};

// Sums over pixels of a block, by channel, of x − x₀ and of its square, where x₀ is the picture's first pixel: so that a mean
// far from zero costs no digits.
template <int V>
TARGET INLINE void sums_of(const Element *x, const Element *first, int64_t pixels, int64_t channels, float *sum,
                           float *square) {
  __m512 from[V], s[V], q[V];
  for (int v = 0; v < V; ++v) {
    from[v] = load(first + v * LANES);
    s[v] = q[v] = _mm512_setzero_ps();
  }
  for (int64_t p = 0; p < pixels; ++p)
    for (int v = 0; v < V; ++v) {
      __m512 d = _mm512_sub_ps(load(x + p * channels + v * LANES), from[v]);
      s[v] = _mm512_add_ps(s[v], d);
      q[v] = _mm512_fmadd_ps(d, d, q[v]);
    }
  for (int v = 0; v < V; ++v) {
    _mm512_storeu_ps(sum + v * LANES, s[v]);
    _mm512_storeu_ps(square + v * LANES, q[v]);
  }
}

// The last channels, less than a vector of them.
TARGET void rest_of(const Element *x, const Element *first, int64_t pixels, int64_t channels, __mmask16 mask, float *sum,
                    float *square) {
  __m512 from = load(first, mask), s = _mm512_setzero_ps(), q = s;
  for (int64_t p = 0; p < pixels; ++p) {
    __m512 d = _mm512_sub_ps(load(x + p * channels, mask), from);
    s = _mm512_add_ps(s, d);
    q = _mm512_fmadd_ps(d, d, q);
  }
  _mm512_mask_storeu_ps(sum, mask, s);
  _mm512_mask_storeu_ps(square, mask, q);
}

TARGET void block_sums(const Element *x, const Element *first, int64_t pixels, int64_t channels, float *sums) {
  float *sum = sums, *square = sums + channels;
  int64_t c = 0;
  for (; c + VECTORS * LANES <= channels; c += VECTORS * LANES)
    sums_of<VECTORS>(x + c, first + c, pixels, channels, sum + c, square + c);
  for (; c + LANES <= channels; c += LANES)
    sums_of<1>(x + c, first + c, pixels, channels, sum + c, square + c);
  if (c < channels)
    rest_of(x + c, first + c, pixels, channels, lanes(channels - c), sum + c, square + c);
}

// y = x·scale + shift by channel.
struct Line {
  std::vector<float> scale, shift;
};

// From the blocks' sums to a line a channel, in f64 and in one order whatever the threads. `bias` is added to x first.
Line line_of(const Shape &s, const float *sums, const Element *first, const Element *bias, const Element *weight,
             const Element *offset, double eps) {
  const auto number = [](Element bits) {
    uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    __builtin_memcpy(&value, &wide, 4);
    return static_cast<double>(value);
  };
  std::vector<double> sum(s.channels), square(s.channels);
  for (int64_t b = 0; b < s.blocks(); ++b)
    for (int64_t c = 0; c < s.channels; ++c) {
      sum[c] += sums[b * 2 * s.channels + c];
      square[c] += sums[(b * 2 + 1) * s.channels + c];
    }
  Line line{std::vector<float>(s.channels), std::vector<float>(s.channels)};
  const int64_t each = s.channels / s.groups;
  const double pixels = static_cast<double>(s.pixels);
  for (int64_t begin = 0; begin < s.channels; begin += each) {
    double mean = 0, spread = 0;
    const auto mean_of = [&](int64_t c) { return number(first[c]) + (bias ? number(bias[c]) : 0) + sum[c] / pixels; };
    for (int64_t c = begin; c < begin + each; ++c)
      mean += mean_of(c) / static_cast<double>(each);
    for (int64_t c = begin; c < begin + each; ++c) {
      const double away = mean_of(c) - mean;
      spread += square[c] - sum[c] * sum[c] / pixels + pixels * away * away;
    }
    const double variance = std::max(0.0, spread) / (pixels * static_cast<double>(each));
    // A NaN must not become a zero by the maximum above.
    const double inverse = spread == spread ? 1 / std::sqrt(variance + eps) : spread;
    for (int64_t c = begin; c < begin + each; ++c) {
      const double scale = inverse * number(weight[c]);
      line.scale[c] = static_cast<float>(scale);
      line.shift[c] = static_cast<float>(number(offset[c]) + ((bias ? number(bias[c]) : 0) - mean) * scale);
    }
  }
  return line;
}

TARGET INLINE __m512 silu(__m512 x) {
  const __m512 one = _mm512_set1_ps(1.0f);
  return _mm512_div_ps(x, _mm512_add_ps(one, exp2(_mm512_mul_ps(x, _mm512_set1_ps(-1.44269504f)))));
}

template <bool SILU>
TARGET void apply(const Element *x, const Line &line, int64_t pixels, int64_t channels, Element *y) {
  const float *scale = line.scale.data(), *shift = line.shift.data();
  for (int64_t p = 0; p < pixels; ++p, x += channels, y += channels) {
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES) {
      __m512 value = _mm512_fmadd_ps(load(x + c), _mm512_loadu_ps(scale + c), _mm512_loadu_ps(shift + c));
      store(y + c, SILU ? silu(value) : value);
    }
    if (c < channels) {
      const __mmask16 mask = lanes(channels - c);
      __m512 value = _mm512_fmadd_ps(load(x + c, mask), _mm512_maskz_loadu_ps(mask, scale + c),
                                     _mm512_maskz_loadu_ps(mask, shift + c));
      store(y + c, SILU ? silu(value) : value, mask);
    }
  }
}

Tensor group_norm(const Tensor &x, const Tensor *bias, const Tensor &weight, const Tensor &offset, int64_t groups,
                  double eps, bool with_silu) {
  RECORD_FUNCTION("darkroom::group_norm", {});
  const Shape s{x.size(0), x.size(2) * x.size(3), x.size(1), groups};
  Tensor y = at::empty_like(x);
  const auto *from = static_cast<const Element *>(x.const_data_ptr());
  auto *to = static_cast<Element *>(y.data_ptr());
  const int64_t blocks = s.blocks(), picture = s.pixels * s.channels;
  const auto pixels_of = [&](int64_t block) { return std::min(s.block(), s.pixels - block * s.block()); };
  std::vector<float> sums(s.batch * blocks * 2 * s.channels);
  at::parallel_for(0, s.batch * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Element *first = from + i / blocks * picture;
      block_sums(first + i % blocks * s.block() * s.channels, first, pixels_of(i % blocks), s.channels,
                 sums.data() + i * 2 * s.channels);
    }
  });
  const auto bits = [](const Tensor &t) { return static_cast<const Element *>(t.const_data_ptr()); };
  std::vector<Line> lines;
  for (int64_t b = 0; b < s.batch; ++b) {
    const Element *add = bias ? bits(*bias) + (bias->size(0) == s.batch ? b * s.channels : 0) : nullptr;
    lines.push_back(line_of(s, sums.data() + b * blocks * 2 * s.channels, from + b * picture, add, bits(weight),
                            bits(offset), eps));
  }
  at::parallel_for(0, s.batch * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i / blocks * picture + i % blocks * s.block() * s.channels;
      (with_silu ? apply<true> : apply<false>)(from + at, lines[i / blocks], pixels_of(i % blocks), s.channels, to + at);
    }
  });
  return y;
}

bool bf16(const Tensor &t) { return t.scalar_type() == at::kBFloat16 && t.device().is_cpu() && t.numel() > 0; }

bool possible(const Tensor &x, const Tensor *bias, const Tensor &weight, const Tensor &offset, int64_t groups) {
  if (!has_avx512_bf16() || x.dim() != 4 || !bf16(x) || !x.is_contiguous(at::MemoryFormat::ChannelsLast))
    return false;
  const int64_t channels = x.size(1);
  const auto fits = [&](const Tensor &t) { return bf16(t) && t.is_contiguous() && t.numel() == channels; };
  const bool biased = !bias || (bf16(*bias) && bias->is_contiguous() && bias->dim() == 2 && bias->size(1) == channels &&
                                (bias->size(0) == 1 || bias->size(0) == x.size(0)));
  return biased && fits(weight) && fits(offset) && groups > 0 && channels % groups == 0;
}

} // namespace
#endif

extern "C" {

// x [B, C, H, W], bias [1 or B, C] or null, weight and offset [C] → silu or identity of the normalised x + bias; out stays
// null where the processor, the dtype or the layout is not this kernel's.
int dk_group_norm([[maybe_unused]] const Tensor *x, [[maybe_unused]] const Tensor *bias, [[maybe_unused]] const Tensor *weight,
                  [[maybe_unused]] const Tensor *offset, [[maybe_unused]] int64_t groups, [[maybe_unused]] double eps,
                  [[maybe_unused]] int with_silu, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
#ifdef DARKROOM_AVX512_BF16
    if (possible(*x, bias, *weight, *offset, groups))
      *out = new Tensor(group_norm(*x, bias, *weight, *offset, groups, eps, with_silu != 0));
#endif
  });
}
}
