// softmax(q·kᵀ·scale)·v for bf16 on processors with AVX-512 BF16: one pass over blocks of keys with a running maximum
// (Milakov and Gimelshein 2018; Dao et al. 2022), products and sums in f32, probabilities rounded to bf16.
// A row of the result depends on its own query and on all keys alone: not on threads, batch or block of queries.
#include "guard.h"
#include "simd.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/record_function.h>

using darkroom::guarded;

#ifdef DARKROOM_AVX512_BF16
namespace {

using darkroom::Element;
using darkroom::LANES;

constexpr int64_t KEYS = 512;   // keys in a block: a multiple of 64
constexpr int64_t ROWS = 6;     // queries whose sums stay in registers
constexpr int64_t QUERIES = 96; // queries of a task: their block of keys is read once into the cache

struct Shape {
  int64_t batch, heads, queries, keys, dim;
  // Rounded up to what the kernel reads: pairs of elements, vectors of elements, blocks of 64 keys.
  int64_t pairs() const { return (dim + 1) / 2; }
  int64_t vectors() const { return (dim + LANES - 1) / LANES; }
  int64_t padded_keys() const { return (keys + 63) / 64 * 64; }
  int64_t packed_key() const { return padded_keys() * pairs() * 2; }
  int64_t packed_value() const { return padded_keys() * vectors() * LANES; }
};

// [keys, dim] → [keys / 16][pairs][16][2], zeros beyond.
void pack_key(const Element *from, int64_t stride, const Shape &s, Element *to) {
  for (int64_t block = 0; block < s.padded_keys() / LANES; ++block)
    for (int64_t pair = 0; pair < s.pairs(); ++pair)
      for (int64_t lane = 0; lane < LANES; ++lane)
        for (int64_t half = 0; half < 2; ++half) {
          int64_t key = block * LANES + lane, d = pair * 2 + half;
          *to++ = key < s.keys && d < s.dim ? from[key * stride + d] : 0;
        }
}

// [keys, dim] → [keys / 2][vectors][16][2], zeros beyond.
void pack_value(const Element *from, int64_t stride, const Shape &s, Element *to) {
  for (int64_t pair = 0; pair < s.padded_keys() / 2; ++pair)
    for (int64_t d = 0; d < s.vectors() * LANES; ++d)
      for (int64_t half = 0; half < 2; ++half) {
        int64_t key = pair * 2 + half;
        *to++ = key < s.keys && d < s.dim ? from[key * stride + d] : 0;
      }
}

TARGET INLINE __m512bh bits(__m512i x) { return reinterpret_cast<__m512bh>(x); }

// 2^x for x ≤ 0, relative error below 1e-5, far under what the rounding to bf16 takes; below 2^−126 it stays there. NaN
// stays NaN.
TARGET INLINE __m512 power_of_two(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-126.0f), x);
  __m512 n = _mm512_roundscale_ps(x, 8);
  __m512 r = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(9.618129e-3f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.5504109e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4022651e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.9314718e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

// Scores of R queries and 64 keys: out[r·KEYS + 0..64].
template <int R>
TARGET INLINE void scores64(const Element *q, int64_t stride, const Element *k, int64_t pairs, float *out) {
  __m512 sum[R][4];
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < 4; ++c)
      sum[r][c] = _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh key[4];
    for (int c = 0; c < 4; ++c)
      key[c] = bits(_mm512_loadu_si512(k + (c * pairs + p) * 2 * LANES));
    for (int r = 0; r < R; ++r) {
      int32_t two;
      __builtin_memcpy(&two, q + r * stride + 2 * p, 4);
      __m512bh query = bits(_mm512_set1_epi32(two));
      for (int c = 0; c < 4; ++c)
        sum[r][c] = _mm512_dpbf16_ps(sum[r][c], query, key[c]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < 4; ++c)
      _mm512_storeu_ps(out + r * KEYS + c * LANES, sum[r][c]);
}

// out[r·width + 16·c ..] += probabilities [R, keys] · values, C vectors of 16 channels.
template <int R, int C>
TARGET INLINE void values(const Element *p, const Element *v, int64_t keys, int64_t vectors, float *out) {
  const int64_t width = vectors * LANES;
  __m512 sum[R][C];
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c)
      sum[r][c] = _mm512_loadu_ps(out + r * width + c * LANES);
  for (int64_t pair = 0; pair < keys / 2; ++pair) {
    __m512bh value[C];
    for (int c = 0; c < C; ++c)
      value[c] = bits(_mm512_loadu_si512(v + (pair * vectors + c) * 2 * LANES));
    for (int r = 0; r < R; ++r) {
      int32_t two;
      __builtin_memcpy(&two, p + r * KEYS + 2 * pair, 4);
      __m512bh probability = bits(_mm512_set1_epi32(two));
      for (int c = 0; c < C; ++c)
        sum[r][c] = _mm512_dpbf16_ps(sum[r][c], probability, value[c]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c)
      _mm512_storeu_ps(out + r * width + c * LANES, sum[r][c]);
}

// The vectors of a row, as many at a time as registers allow.
template <int R>
TARGET INLINE void all_values(const Element *p, const Element *v, int64_t keys, int64_t vectors, float *out) {
  int64_t c = 0;
  for (; vectors - c >= 4; c += 4)
    values<R, 4>(p, v + c * 2 * LANES, keys, vectors, out + c * LANES);
  switch (vectors - c) {
  case 3: return values<R, 3>(p, v + c * 2 * LANES, keys, vectors, out + c * LANES);
  case 2: return values<R, 2>(p, v + c * 2 * LANES, keys, vectors, out + c * LANES);
  case 1: return values<R, 1>(p, v + c * 2 * LANES, keys, vectors, out + c * LANES);
  }
}

// One row's scores to probabilities, in powers of two: `scale` has the factor log₂e; rescales what the row has summed up so far.
TARGET INLINE void softmax(float *score, int64_t keys, int64_t padded, float scale, float &maximum, float &total,
                           float *sums, int64_t width, Element *probability) {
  const __m512 none = _mm512_set1_ps(-INFINITY);
  for (int64_t k = keys; k < padded; ++k)
    score[k] = -INFINITY;
  __m512 top = none;
  for (int64_t k = 0; k < padded; k += LANES)
    top = _mm512_max_ps(top, _mm512_loadu_ps(score + k));
  float found = _mm512_reduce_max_ps(top) * scale;
  float now = found > maximum ? found : maximum;
  const __m512 shift = _mm512_set1_ps(now), by = _mm512_set1_ps(scale);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t k = 0; k < padded; k += 2 * LANES) {
    __m512 a = power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(score + k), by, shift));
    __m512 b = power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(score + k + LANES), by, shift));
    sum = _mm512_add_ps(sum, _mm512_add_ps(a, b));
    _mm512_storeu_si512(probability + k, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
  }
  float shrink = std::exp2(maximum - now);
  total = total * shrink + _mm512_reduce_add_ps(sum);
  maximum = now;
  if (shrink != 1.0f)
    for (int64_t d = 0; d < width; d += LANES)
      _mm512_storeu_ps(sums + d, _mm512_mul_ps(_mm512_loadu_ps(sums + d), _mm512_set1_ps(shrink)));
}

struct Scratch {
  std::vector<Element> query, probability;
  std::vector<float> score, sums, maximum, total;
  explicit Scratch(const Shape &s)
      : query(QUERIES * s.pairs() * 2), probability(ROWS * KEYS), score(ROWS * KEYS),
        sums(QUERIES * s.vectors() * LANES), maximum(QUERIES), total(QUERIES) {}
};

template <int R>
TARGET void rows(const Shape &s, Scratch &w, int64_t row, const Element *k, const Element *v, int64_t keys,
                 int64_t padded, float scale) {
  const int64_t width = s.vectors() * LANES;
  const Element *q = w.query.data() + row * s.pairs() * 2;
  for (int64_t c = 0; c < padded; c += 64)
    scores64<R>(q, s.pairs() * 2, k + c * s.pairs() * 2, s.pairs(), w.score.data() + c);
  for (int r = 0; r < R; ++r)
    softmax(w.score.data() + r * KEYS, keys, padded, scale, w.maximum[row + r], w.total[row + r],
            w.sums.data() + (row + r) * width, width, w.probability.data() + r * KEYS);
  all_values<R>(w.probability.data(), v, padded, s.vectors(), w.sums.data() + row * width);
}

// A task: `count` queries from `q` on, against all keys of their head.
TARGET void task(const Shape &s, Scratch &w, const Element *q, int64_t stride, int64_t count, const Element *k,
                 const Element *v, float scale, Element *out, int64_t out_stride) {
  const int64_t width = s.vectors() * LANES;
  std::fill(w.query.begin(), w.query.end(), 0);
  std::fill(w.sums.begin(), w.sums.end(), 0.0f);
  std::fill(w.total.begin(), w.total.end(), 0.0f);
  std::fill(w.maximum.begin(), w.maximum.end(), -INFINITY);
  for (int64_t r = 0; r < count; ++r)
    std::copy_n(q + r * stride, s.dim, w.query.data() + r * s.pairs() * 2);
  for (int64_t key = 0; key < s.keys; key += KEYS) {
    const int64_t keys = std::min(KEYS, s.keys - key), padded = (keys + 63) / 64 * 64;
    // QUERIES is a multiple of ROWS: rows beyond `count` are zeros that nobody reads.
    for (int64_t row = 0; row < count; row += ROWS)
      rows<ROWS>(s, w, row, k + key * s.pairs() * 2, v + key * width, keys, padded, scale);
  }
  for (int64_t r = 0; r < count; ++r) {
    const __m512 by = _mm512_set1_ps(1.0f / w.total[r]);
    for (int64_t d = 0; d < s.dim; d += LANES) {
      const int64_t left = std::min(LANES, s.dim - d);
      __m512 x = _mm512_mul_ps(_mm512_loadu_ps(w.sums.data() + r * width + d), by);
      _mm256_mask_storeu_epi16(out + r * out_stride + d, static_cast<__mmask16>((1u << left) - 1),
                               reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
    }
  }
}

bool fits(const at::Tensor &t) {
  return t.dim() == 4 && t.scalar_type() == at::kBFloat16 && t.device().is_cpu() && t.stride(3) == 1;
}

bool possible(const at::Tensor &q, const at::Tensor &k, const at::Tensor &v) {
  return darkroom::has_avx512_bf16() && fits(q) && fits(k) && fits(v) && q.numel() > 0 && k.numel() > 0 && k.sizes() == v.sizes() &&
         q.size(0) == k.size(0) && q.size(1) == k.size(1) && q.size(3) == k.size(3);
}

const Element *head(const at::Tensor &t, int64_t b, int64_t h) {
  return static_cast<const Element *>(t.const_data_ptr()) + b * t.stride(0) + h * t.stride(1);
}

// → [B, queries, heads·dim].
at::Tensor attend(const at::Tensor &q, const at::Tensor &k, const at::Tensor &v, float scale) {
  RECORD_FUNCTION("darkroom::attention", {});
  const Shape s{q.size(0), q.size(1), q.size(2), k.size(2), q.size(3)};
  auto out = at::empty({s.batch, s.queries, s.heads * s.dim}, q.options());
  auto packed = at::empty({s.batch * s.heads, s.packed_key() + s.packed_value()}, q.options());
  auto *to = static_cast<Element *>(packed.data_ptr());
  auto *result = static_cast<Element *>(out.data_ptr());
  const int64_t each = s.packed_key() + s.packed_value(), blocks = (s.queries + QUERIES - 1) / QUERIES;
  at::parallel_for(0, s.batch * s.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      pack_key(head(k, i / s.heads, i % s.heads), k.stride(2), s, to + i * each);
      pack_value(head(v, i / s.heads, i % s.heads), v.stride(2), s, to + i * each + s.packed_key());
    }
  });
  at::parallel_for(0, s.batch * s.heads * blocks, 1, [&](int64_t begin, int64_t end) {
    Scratch scratch(s);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i / blocks, b = at / s.heads, h = at % s.heads, first = i % blocks * QUERIES;
      const Element *key = to + at * each;
      task(s, scratch, head(q, b, h) + first * q.stride(2), q.stride(2), std::min(QUERIES, s.queries - first), key,
           key + s.packed_key(), scale, result + (b * s.queries + first) * s.heads * s.dim + h * s.dim,
           s.heads * s.dim);
    }
  });
  return out;
}

} // namespace
#endif

extern "C" {

// q [B, heads, N, D], k and v [B, heads, M, D] → [B, N, heads·D]; out stays null where the processor, the dtype or the
// layout is not this kernel's.
int dk_attention(const at::Tensor *q, const at::Tensor *k, const at::Tensor *v, double scale, at::Tensor **out) {
  return guarded([&] {
    *out = nullptr;
#ifdef DARKROOM_AVX512_BF16
    if (possible(*q, *k, *v))
      *out = new at::Tensor(attend(*q, *k, *v, static_cast<float>(scale * 1.4426950408889634)));
#endif
  });
}
}
