// Matrix products in f32 of what is stored in bf16, for processors whose f32 units outrun their bf16 ones. Weights stay in
// the order of their file; a panel of them is widened and turned when it is used.
#pragma once

#include "simd.h"

#ifdef DARKROOM_AVX512_BF16
#include <algorithm>

namespace darkroom {

constexpr int64_t WIDE = 4;          // vectors of outputs in a panel
constexpr int64_t PANEL = 16 * WIDE; // outputs in a panel
constexpr int64_t TALL = 6;          // rows whose sums stay in registers

// c [R, 16·V] = a [R, depth] · b [depth, 16·V], or that much more where `more`.
template <int R, int V>
TARGET INLINE void product(const float *a, int64_t a_stride, const float *b, int64_t depth, float *c, int64_t c_stride,
                           bool more) {
  // The rows that come next: they may be far from the processor. Past the last there may be none, which is no harm.
  for (int r = 0; r < R; ++r)
    for (int64_t k = 0; k < depth; k += LANES)
      _mm_prefetch(address(a, (r + 2 * R) * a_stride + k), _MM_HINT_T0);
  __m512 sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sum[r][v] = more ? _mm512_loadu_ps(c + r * c_stride + v * LANES) : _mm512_setzero_ps();
  for (int64_t k = 0; k < depth; ++k, b += V * LANES) {
    __m512 weight[V];
    for (int v = 0; v < V; ++v)
      weight[v] = _mm512_loadu_ps(b + v * LANES);
    for (int r = 0; r < R; ++r) {
      const __m512 x = _mm512_set1_ps(a[r * a_stride + k]);
      for (int v = 0; v < V; ++v)
        sum[r][v] = _mm512_fmadd_ps(x, weight[v], sum[r][v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      _mm512_storeu_ps(c + r * c_stride + v * LANES, sum[r][v]);
}

template <int V>
TARGET inline void products(const float *a, int64_t a_stride, int64_t rows, const float *b, int64_t depth, float *c,
                            int64_t c_stride, bool more) {
  while (rows > 0) {
    // Groups about as tall as each other: 8 rows are 4 and 4, not 6 and 2.
    const int64_t groups = (rows + TALL - 1) / TALL, tall = (rows + groups - 1) / groups;
    switch (tall) {
    case 6: product<6, V>(a, a_stride, b, depth, c, c_stride, more); break;
    case 5: product<5, V>(a, a_stride, b, depth, c, c_stride, more); break;
    case 4: product<4, V>(a, a_stride, b, depth, c, c_stride, more); break;
    case 3: product<3, V>(a, a_stride, b, depth, c, c_stride, more); break;
    case 2: product<2, V>(a, a_stride, b, depth, c, c_stride, more); break;
    default: product<1, V>(a, a_stride, b, depth, c, c_stride, more);
    }
    a += tall * a_stride;
    c += tall * c_stride;
    rows -= tall;
  }
}

// c [rows, 16·vectors] = a [rows, depth] · b [depth, 16·vectors], or that much more; at most WIDE vectors.
TARGET inline void multiply(const float *a, int64_t a_stride, int64_t rows, const float *b, int64_t depth, int64_t vectors,
                            float *c, int64_t c_stride, bool more) {
  switch (vectors) {
  case 4: return products<4>(a, a_stride, rows, b, depth, c, c_stride, more);
  case 3: return products<3>(a, a_stride, rows, b, depth, c, c_stride, more);
  case 2: return products<2>(a, a_stride, rows, b, depth, c, c_stride, more);
  case 1: return products<1>(a, a_stride, rows, b, depth, c, c_stride, more);
  }
}

// Turns 16 vectors of 16 words: word j of vector i becomes word i of vector j.
TARGET INLINE void turn(__m512i row[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(row[i], row[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(row[i], row[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    row[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    row[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    row[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    row[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(row[i], row[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(row[i], row[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(row[i + 8], row[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(row[i + 8], row[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    row[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    row[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    row[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    row[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

// 32 columns of up to 16 rows of bf16, turned: to[j·stride ..] is column j as f32, zeros beyond what there is.
TARGET INLINE void widen_turned(const Element *from, int64_t from_stride, int64_t rows, int64_t columns, float *to,
                                int64_t to_stride) {
  const auto mask = static_cast<__mmask32>(columns >= 32 ? ~0u : (1u << columns) - 1);
  __m512i row[16];
  for (int64_t i = 0; i < 16; ++i)
    row[i] = i < rows ? _mm512_maskz_loadu_epi16(mask, from + i * from_stride) : _mm512_setzero_si512();
  turn(row);
  const __m512i high = _mm512_set1_epi32(static_cast<int>(0xffff0000));
  const int64_t pairs = std::min<int64_t>(16, (columns + 1) / 2);
  for (int64_t i = 0; i < pairs; ++i) {
    _mm512_storeu_ps(to + 2 * i * to_stride, _mm512_castsi512_ps(_mm512_slli_epi32(row[i], 16)));
    if (2 * i + 1 < columns)
      _mm512_storeu_ps(to + (2 * i + 1) * to_stride, _mm512_castsi512_ps(_mm512_and_si512(row[i], high)));
  }
}

// A panel of weights [outputs, stride]: columns 0 to `depth` of `outputs` rows → [depth, 16·vectors] in f32.
TARGET inline void widen_panel(const Element *weight, int64_t stride, int64_t outputs, int64_t depth, float *to) {
  const int64_t vectors = (outputs + LANES - 1) / LANES, width = vectors * LANES;
  for (int64_t v = 0; v < vectors; ++v)
    for (int64_t k = 0; k < depth; k += 32)
      widen_turned(weight + v * LANES * stride + k, stride, std::min(LANES, outputs - v * LANES), std::min<int64_t>(32, depth - k),
                   to + k * width + v * LANES, width);
}

// bf16 → f32.
TARGET inline void widen_row(const Element *from, int64_t count, float *to) {
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    _mm512_storeu_ps(to + i, load(from + i));
  if (i < count)
    _mm512_mask_storeu_ps(to + i, lanes(count - i), load(from + i, lanes(count - i)));
}

// 16 sums or fewer, with the bias and what else is to be added, rounded once.
TARGET INLINE void finish(__m512 sum, const Element *bias, const Element *other, int64_t count, Element *to) {
  const __mmask16 mask = count >= LANES ? static_cast<__mmask16>(0xffff) : lanes(count);
  if (bias)
    sum = _mm512_add_ps(sum, load(bias, mask));
  if (other)
    sum = _mm512_add_ps(sum, load(other, mask));
  if (count >= LANES)
    store(to, sum);
  else
    store(to, sum, mask);
}

} // namespace darkroom
#endif
