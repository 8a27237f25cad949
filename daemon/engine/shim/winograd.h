// Convolutions of 3×3 in a quarter of the multiplications: F(4×4, 3×3) of Winograd 1980 as Lavin and Gray 2016 (arXiv
// 1509.09308) give it, with the interpolation points 0, ±1, ±2 and ∞. All of it in f32: in bf16 its sums would cancel.
#pragma once

#include "panel.h"

#ifdef DARKROOM_AVX512_BF16
namespace darkroom::winograd {

constexpr int64_t OUT = 4, IN = 6, POINTS = IN * IN; // a tile's side after and before, and its points in between
constexpr int64_t DEPTH = 64;                        // inputs at a time

// The picture [height, width, channels] that tiles are cut from.
struct Picture {
  int64_t height, width, channels;
};

// Along one side: Bᵀ·d, G·g and Aᵀ·m of the paper.
TARGET INLINE void input(const __m512 d[6], __m512 to[6]) {
  const __m512 two = _mm512_set1_ps(2), four = _mm512_set1_ps(4), five = _mm512_set1_ps(5);
  const __m512 even = _mm512_fnmadd_ps(four, d[2], d[4]), odd = _mm512_fnmadd_ps(four, d[1], d[3]);
  const __m512 near = _mm512_sub_ps(d[4], d[2]), far = _mm512_mul_ps(two, _mm512_sub_ps(d[3], d[1]));
  to[0] = _mm512_fmadd_ps(four, d[0], _mm512_fnmadd_ps(five, d[2], d[4]));
  to[1] = _mm512_add_ps(even, odd);
  to[2] = _mm512_sub_ps(even, odd);
  to[3] = _mm512_add_ps(near, far);
  to[4] = _mm512_sub_ps(near, far);
  to[5] = _mm512_fmadd_ps(four, d[1], _mm512_fnmadd_ps(five, d[3], d[5]));
}

TARGET INLINE void weight(const __m512 g[3], __m512 to[6]) {
  const __m512 sixth = _mm512_set1_ps(-1.0f / 6), small = _mm512_set1_ps(1.0f / 24), twelfth = _mm512_set1_ps(1.0f / 12);
  const __m512 ends = _mm512_mul_ps(sixth, _mm512_add_ps(g[0], g[2])), middle = _mm512_mul_ps(sixth, g[1]);
  const __m512 wide = _mm512_fnmadd_ps(sixth, g[2], _mm512_mul_ps(small, g[0])), inner = _mm512_mul_ps(twelfth, g[1]);
  to[0] = _mm512_mul_ps(_mm512_set1_ps(0.25f), g[0]);
  to[1] = _mm512_add_ps(ends, middle);
  to[2] = _mm512_sub_ps(ends, middle);
  to[3] = _mm512_add_ps(wide, inner);
  to[4] = _mm512_sub_ps(wide, inner);
  to[5] = g[2];
}

TARGET INLINE void output(const __m512 m[6], __m512 to[4]) {
  const __m512 plus = _mm512_add_ps(m[1], m[2]), minus = _mm512_sub_ps(m[1], m[2]);
  const __m512 plus2 = _mm512_add_ps(m[3], m[4]), minus2 = _mm512_sub_ps(m[3], m[4]);
  to[0] = _mm512_add_ps(m[0], _mm512_add_ps(plus, plus2));
  to[1] = _mm512_fmadd_ps(_mm512_set1_ps(2), minus2, minus);
  to[2] = _mm512_fmadd_ps(_mm512_set1_ps(4), plus2, plus);
  to[3] = _mm512_fmadd_ps(_mm512_set1_ps(8), minus2, _mm512_add_ps(minus, m[5]));
}

// Up to 16 channels of the tile whose outputs begin at (top, left): point p goes to `to + p·plane`.
TARGET inline void transform_input(const Element *x, const Picture &s, int64_t top, int64_t left, __mmask16 mask, float *to,
                                   int64_t plane) {
  const bool inside = top > 0 && left > 0 && top + IN - 1 <= s.height && left + IN - 1 <= s.width && mask == 0xffff;
  __m512 half[IN][IN];
  for (int64_t j = 0; j < IN; ++j) {
    __m512 d[IN];
    for (int64_t i = 0; i < IN; ++i) {
      const int64_t row = top + i - 1, column = left + j - 1;
      const int64_t from = (row * s.width + column) * s.channels;
      if (inside)
        d[i] = load(x + from);
      else
        d[i] = row >= 0 && row < s.height && column >= 0 && column < s.width ? load(x + from, mask) : _mm512_setzero_ps();
    }
    input(d, half[j]);
  }
  for (int64_t i = 0; i < IN; ++i) {
    __m512 row[IN], out[IN];
    for (int64_t j = 0; j < IN; ++j)
      row[j] = half[j][i];
    input(row, out);
    for (int64_t j = 0; j < IN; ++j)
      _mm512_storeu_ps(to + (i * IN + j) * plane, out[j]);
  }
}

// Weights [outputs, inputs, 3, 3], of which `outputs` ≤ 64 and `depth` ≤ 64 inputs: → [36][depth][16·vectors]. `taps` holds 9·16
// vectors.
TARGET inline void transform_weight(const Element *w, int64_t stride, int64_t outputs, int64_t depth, float *taps, float *to,
                             int64_t plane) {
  const int64_t vectors = (outputs + LANES - 1) / LANES, width = vectors * LANES;
  for (int64_t v = 0; v < vectors; ++v)
    for (int64_t first = 0; first < depth; first += LANES) {
      const int64_t inputs = std::min(LANES, depth - first), count = 9 * inputs;
      const Element *from = w + v * LANES * stride + 9 * first;
      for (int64_t k = 0; k < count; k += 32)
        widen_turned(from + k, stride, std::min(LANES, outputs - v * LANES), std::min<int64_t>(32, count - k),
                     taps + k * LANES, LANES);
      for (int64_t i = 0; i < inputs; ++i) {
        __m512 half[3][IN];
        for (int64_t column = 0; column < 3; ++column) {
          __m512 g[3];
          for (int64_t row = 0; row < 3; ++row)
            g[row] = _mm512_loadu_ps(taps + (9 * i + 3 * row + column) * LANES);
          weight(g, half[column]);
        }
        float *at = to + (first + i) * width + v * LANES;
        for (int64_t row = 0; row < IN; ++row) {
          const __m512 g[3] = {half[0][row], half[1][row], half[2][row]};
          __m512 out[IN];
          weight(g, out);
          for (int64_t column = 0; column < IN; ++column)
            _mm512_storeu_ps(at + (row * IN + column) * plane, out[column]);
        }
      }
    }
}

// The pixels of the tile at (top, left) from its points m[p·plane ..], up to 16 channels, with bias and what is added.
TARGET inline void transform_output(const float *m, int64_t plane, const Picture &s, int64_t top, int64_t left, int64_t count,
                                    const Element *bias, const Element *other, Element *y) {
  __m512 half[IN][OUT];
  for (int64_t j = 0; j < IN; ++j) {
    __m512 column[IN];
    for (int64_t i = 0; i < IN; ++i)
      column[i] = _mm512_loadu_ps(m + (i * IN + j) * plane);
    output(column, half[j]);
  }
  for (int64_t i = 0; i < OUT && top + i < s.height; ++i) {
    __m512 row[IN], out[OUT];
    for (int64_t j = 0; j < IN; ++j)
      row[j] = half[j][i];
    output(row, out);
    for (int64_t j = 0; j < OUT && left + j < s.width; ++j) {
      const int64_t at = ((top + i) * s.width + left + j) * s.channels;
      finish(out[j], bias, other ? other + at : nullptr, count, y + at);
    }
  }
}

} // namespace darkroom::winograd
#endif
