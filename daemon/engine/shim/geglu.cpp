// value·GELU(gate) (Shazeer 2020) of bf16 in one pass, in f32, rounded once.
#include "guard.h"
#include "shim.h"
#include "simd.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/record_function.h>

using darkroom::guarded;

#ifdef DARKROOM_AVX512_BF16
namespace {

using namespace darkroom;

// x·Φ(x): the normal distribution's tail beyond |x| is a polynomial times exp(−x²/2) (Abramowitz and Stegun 7.1.26, absolute
// error below 1e-7).
TARGET INLINE __m512 gelu(__m512 x) {
  const __m512 one = _mm512_set1_ps(1.0f);
  __m512 z = _mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(0.70710678f));
  __m512 t = _mm512_div_ps(one, _mm512_fmadd_ps(z, _mm512_set1_ps(0.3275911f), one));
  __m512 p = _mm512_set1_ps(1.061405429f);
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-1.453152027f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(1.421413741f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.284496736f));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.254829592f));
  p = _mm512_mul_ps(_mm512_mul_ps(p, t), _mm512_set1_ps(0.5f));
  __m512 tail = _mm512_mul_ps(p, darkroom::exp2(_mm512_mul_ps(_mm512_mul_ps(z, z), _mm512_set1_ps(-1.44269504f))));
  const __mmask16 positive = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ);
  return _mm512_mul_ps(x, _mm512_mask_sub_ps(tail, positive, one, tail));
}

TARGET void row(const Element *x, int64_t width, Element *y) {
  int64_t c = 0;
  for (; c + LANES <= width; c += LANES)
    store(y + c, _mm512_mul_ps(load(x + c), gelu(load(x + width + c))));
  if (c < width) {
    const __mmask16 mask = lanes(width - c);
    store(y + c, _mm512_mul_ps(load(x + c, mask), gelu(load(x + width + c, mask))), mask);
  }
}

bool possible(const Tensor &x) {
  return has_avx512_bf16() && x.dim() > 0 && x.scalar_type() == at::kBFloat16 && x.device().is_cpu() && x.numel() > 0 &&
         x.is_contiguous() && x.size(-1) % 2 == 0;
}

Tensor geglu(const Tensor &x) {
  RECORD_FUNCTION("darkroom::geglu", {});
  auto size = x.sizes().vec();
  const int64_t width = size.back() / 2, rows = x.numel() / size.back();
  size.back() = width;
  Tensor y = at::empty(size, x.options());
  const auto *from = static_cast<const Element *>(x.const_data_ptr());
  auto *to = static_cast<Element *>(y.data_ptr());
  at::parallel_for(0, rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      row(from + i * 2 * width, width, to + i * width);
  });
  return y;
}

} // namespace
#endif

extern "C" {

// x [.., 2n] → [.., n]; out stays null where the processor, the dtype or the layout is not this kernel's.
int dk_geglu([[maybe_unused]] const Tensor *x, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
#ifdef DARKROOM_AVX512_BF16
    if (possible(*x))
      *out = new Tensor(geglu(*x));
#endif
  });
}
}
