// softmax(q·kᵀ·scale)·v for bf16 on processors with AVX-512 BF16: one pass over blocks of keys with a running maximum
// (Milakov and Gimelshein 2018; Dao et al. 2022), sums in f32, products of bf16 pairs, of f32 numbers or of tiles of pairs,
// whichever the processor has most of; probabilities are rounded to bf16 for all but f32.
// A row of the result depends on its own query and on all keys alone: not on threads, batch or block of queries.
#include "guard.h"
#include "products.h"
#include "shim.h"
#include "tiles.h"

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
using darkroom::store;
#ifdef DARKROOM_TILES
namespace tiles = darkroom::tiles;
#endif

constexpr int64_t QUERIES = 96; // queries of a task: their block of keys is read once into the cache

TARGET INLINE __m512bh bits(__m512i x) { return reinterpret_cast<__m512bh>(x); }

// How numbers are held for multiplication: so many of type Number in each lane of a vector.
struct Pairs {
  using Number = Element;
  static constexpr int64_t IN_LANE = 2, LANES_MULTIPLE = 1;
  static constexpr int64_t ROWS = 6;   // queries whose sums stay in registers: a divisor of QUERIES
  static constexpr int64_t KEYS = 512; // keys in a block: a multiple of 64
  static constexpr int64_t STRIDE = KEYS; // from one query's scores to the next's
  static Number number(Element x) { return x; }
  static TARGET INLINE __m512 add_product(__m512 sum, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(sum, bits(a), bits(b));
  }
  static TARGET INLINE void store_two(Number *to, __m512 a, __m512 b) {
    _mm512_storeu_si512(to, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
  }
};

struct Floats {
  using Number = float;
  static constexpr int64_t IN_LANE = 1, LANES_MULTIPLE = 1, ROWS = 6;
  static constexpr int64_t KEYS = 128; // a block of short keys and its values stay in the first cache
  static constexpr int64_t STRIDE = KEYS;
  static Number number(Element x) {
    const uint32_t wide = static_cast<uint32_t>(x) << 16;
    float value;
    __builtin_memcpy(&value, &wide, 4);
    return value;
  }
  static TARGET INLINE __m512 add_product(__m512 sum, __m512i a, __m512i b) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
  }
  static TARGET INLINE void store_two(Number *to, __m512 a, __m512 b) {
    _mm512_storeu_ps(to, a);
    _mm512_storeu_ps(to + LANES, b);
  }
};

#ifdef DARKROOM_TILES
struct Tiles : Pairs {
  static constexpr int64_t LANES_MULTIPLE = tiles::DEEP / IN_LANE, ROWS = tiles::SIDE;
  // Equal keys of all queries would fall on the same lines of the first cache.
  static constexpr int64_t STRIDE = KEYS + 2 * LANES;
};
#endif

// Sizes in numbers, rounded up to what the kernel reads: lanes, vectors, blocks of 64 keys.
template <class F> struct Shape {
  int64_t batch, heads, queries, keys, dim;
  int64_t lanes() const {
    const int64_t numbers = F::IN_LANE * F::LANES_MULTIPLE;
    return (dim + numbers - 1) / numbers * F::LANES_MULTIPLE;
  }
  int64_t row() const { return lanes() * F::IN_LANE; }
  int64_t vectors() const { return (dim + LANES - 1) / LANES; }
  int64_t width() const { return vectors() * LANES; }
  int64_t padded_keys() const { return (keys + 63) / 64 * 64; }
  int64_t packed_key() const { return padded_keys() * row(); }
  int64_t packed_value() const { return padded_keys() * width(); }
};

// [keys, dim] → [keys / 16][lanes][16][IN_LANE], zeros beyond.
template <class F> TARGET void pack_key(const Element *from, int64_t stride, const Shape<F> &s, Element *to) {
  for (int64_t block = 0; block < s.padded_keys() / LANES; ++block)
    for (int64_t l = 0; l < s.lanes(); ++l)
      for (int64_t lane = 0; lane < LANES; ++lane)
        for (int64_t i = 0; i < Pairs::IN_LANE; ++i) {
          int64_t key = block * LANES + lane, d = l * Pairs::IN_LANE + i;
          *to++ = key < s.keys && d < s.dim ? from[key * stride + d] : 0;
        }
}

TARGET void pack_key(const Element *from, int64_t stride, const Shape<Floats> &s, float *to) {
  for (int64_t key = 0; key < s.padded_keys(); key += LANES, to += s.dim * LANES)
    for (int64_t d = 0; d < s.dim; d += 32)
      darkroom::widen_turned(from + key * stride + d, stride, std::clamp<int64_t>(s.keys - key, 0, LANES),
                             std::min<int64_t>(32, s.dim - d), to + d * LANES, LANES);
}

// [keys, dim] → [keys / IN_LANE][vectors][16][IN_LANE], zeros beyond.
template <class F> TARGET void pack_value(const Element *from, int64_t stride, const Shape<F> &s, Element *to) {
  for (int64_t l = 0; l < s.padded_keys() / Pairs::IN_LANE; ++l)
    for (int64_t d = 0; d < s.width(); ++d)
      for (int64_t i = 0; i < Pairs::IN_LANE; ++i) {
        int64_t key = l * Pairs::IN_LANE + i;
        *to++ = key < s.keys && d < s.dim ? from[key * stride + d] : 0;
      }
}

TARGET void pack_value(const Element *from, int64_t stride, const Shape<Floats> &s, float *to) {
  std::fill_n(to, s.packed_value(), 0.0f);
  for (int64_t key = 0; key < s.keys; ++key)
    darkroom::widen_row(from + key * stride, s.dim, to + key * s.width());
}

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

// The lane at `from`, in every lane.
template <class F> TARGET INLINE __m512i everywhere(const typename F::Number *from) {
  int32_t lane;
  __builtin_memcpy(&lane, from, 4);
  return _mm512_set1_epi32(lane);
}

// Scores of R queries of `row` numbers and 64 keys: out[r·STRIDE + 0..64]. Inlined, it would share its registers with what is around.
template <class F, int R>
TARGET NOINLINE void scores64(const typename F::Number *q, const typename F::Number *k, int64_t row, float *out) {
  __m512 sum[R][4];
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < 4; ++c)
      sum[r][c] = _mm512_setzero_ps();
  for (int64_t d = 0; d < row; d += F::IN_LANE) {
    __m512i key[4];
    for (int c = 0; c < 4; ++c)
      key[c] = _mm512_loadu_si512(k + (c * row + d) * LANES);
    for (int r = 0; r < R; ++r) {
      const __m512i query = everywhere<F>(q + r * row + d);
      for (int c = 0; c < 4; ++c)
        sum[r][c] = F::add_product(sum[r][c], query, key[c]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < 4; ++c)
      _mm512_storeu_ps(out + r * F::STRIDE + c * LANES, sum[r][c]);
}

// out[r·width + 16·c ..] += probabilities [R, keys] · values, C vectors of 16 channels.
template <class F, int R, int C>
TARGET NOINLINE void values(const typename F::Number *p, const typename F::Number *v, int64_t keys, int64_t width, float *out) {
  __m512 sum[R][C];
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c)
      sum[r][c] = _mm512_loadu_ps(out + r * width + c * LANES);
  for (int64_t key = 0; key < keys; key += F::IN_LANE) {
    __m512i value[C];
    for (int c = 0; c < C; ++c)
      value[c] = _mm512_loadu_si512(v + key * width + c * F::IN_LANE * LANES);
    for (int r = 0; r < R; ++r) {
      const __m512i probability = everywhere<F>(p + r * F::STRIDE + key);
      for (int c = 0; c < C; ++c)
        sum[r][c] = F::add_product(sum[r][c], probability, value[c]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c)
      _mm512_storeu_ps(out + r * width + c * LANES, sum[r][c]);
}

// The vectors of a row, as many at a time as registers allow.
template <class F>
TARGET INLINE void all_values(const typename F::Number *p, const typename F::Number *v, int64_t keys, int64_t width, float *out) {
  int64_t c = 0;
  for (; width - c >= 4 * LANES; c += 4 * LANES)
    values<F, F::ROWS, 4>(p, v + c * F::IN_LANE, keys, width, out + c);
  switch ((width - c) / LANES) {
  case 3: return values<F, F::ROWS, 3>(p, v + c * F::IN_LANE, keys, width, out + c);
  case 2: return values<F, F::ROWS, 2>(p, v + c * F::IN_LANE, keys, width, out + c);
  case 1: return values<F, F::ROWS, 1>(p, v + c * F::IN_LANE, keys, width, out + c);
  }
}

// One row's scores to probabilities, in powers of two: `scale` has the factor log₂e; rescales what the row has summed up so far.
template <class F>
TARGET INLINE void softmax(float *score, int64_t keys, int64_t padded, float scale, float &maximum, float &total,
                           float *sums, int64_t width, typename F::Number *probability) {
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
    F::store_two(probability + k, a, b);
  }
  // As a rule the first keys have it already. A NaN is not equal to anything.
  const float shrink = now == maximum ? 1.0f : std::exp2(maximum - now);
  total = total * shrink + _mm512_reduce_add_ps(sum);
  maximum = now;
  if (shrink != 1.0f)
    for (int64_t d = 0; d < width; d += LANES)
      _mm512_storeu_ps(sums + d, _mm512_mul_ps(_mm512_loadu_ps(sums + d), _mm512_set1_ps(shrink)));
}

template <class F> struct Scratch {
  std::vector<typename F::Number> query, probability;
  std::vector<float> score, sums, maximum, total;
  explicit Scratch(const Shape<F> &s)
      : query(QUERIES * s.row()), probability(F::ROWS * F::STRIDE), score(F::ROWS * F::STRIDE), sums(QUERIES * s.width()), maximum(QUERIES),
        total(QUERIES) {}
};

// The scores of F::ROWS queries.
template <class F>
TARGET INLINE void all_scores(const typename F::Number *q, const typename F::Number *k, int64_t row, int64_t padded, float *out) {
  for (int64_t c = 0; c < padded; c += 64)
    scores64<F, F::ROWS>(q, k + c * row, row, out + c);
}

#ifdef DARKROOM_TILES
template <> TARGET INLINE void all_scores<Tiles>(const Element *q, const Element *k, int64_t row, int64_t padded, float *out) {
  tiles::scores(q, k, row, padded, out, Tiles::STRIDE);
}

template <> TARGET INLINE void all_values<Tiles>(const Element *p, const Element *v, int64_t keys, int64_t width, float *out) {
  tiles::values(p, Tiles::STRIDE, v, keys, width, out);
}
#endif

template <class F>
TARGET void rows(const Shape<F> &s, Scratch<F> &w, int64_t row, const typename F::Number *k, const typename F::Number *v,
                 int64_t keys, int64_t padded, float scale) {
  all_scores<F>(w.query.data() + row * s.row(), k, s.row(), padded, w.score.data());
  for (int r = 0; r < F::ROWS; ++r)
    softmax<F>(w.score.data() + r * F::STRIDE, keys, padded, scale, w.maximum[row + r], w.total[row + r],
               w.sums.data() + (row + r) * s.width(), s.width(), w.probability.data() + r * F::STRIDE);
  all_values<F>(w.probability.data(), v, padded, s.width(), w.sums.data() + row * s.width());
}

// A task: `count` queries from `q` on, against all keys of their head.
template <class F>
TARGET void task(const Shape<F> &s, Scratch<F> &w, const Element *q, int64_t stride, int64_t count, const typename F::Number *k,
                 const typename F::Number *v, float scale, Element *out, int64_t out_stride) {
  std::fill(w.query.begin(), w.query.end(), 0);
  std::fill(w.sums.begin(), w.sums.end(), 0.0f);
  std::fill(w.total.begin(), w.total.end(), 0.0f);
  std::fill(w.maximum.begin(), w.maximum.end(), -INFINITY);
  for (int64_t r = 0; r < count; ++r)
    std::transform(q + r * stride, q + r * stride + s.dim, w.query.data() + r * s.row(), F::number);
  for (int64_t key = 0; key < s.keys; key += F::KEYS) {
    const int64_t keys = std::min(F::KEYS, s.keys - key), padded = (keys + 63) / 64 * 64;
    // QUERIES is a multiple of ROWS: rows beyond `count` are zeros that nobody reads.
    for (int64_t row = 0; row < count; row += F::ROWS)
      rows<F>(s, w, row, k + key * s.row(), v + key * s.width(), keys, padded, scale);
  }
  for (int64_t r = 0; r < count; ++r) {
    const __m512 by = _mm512_set1_ps(1.0f / w.total[r]);
    for (int64_t d = 0; d < s.dim; d += LANES) {
      const int64_t left = std::min(LANES, s.dim - d);
      __m512 x = _mm512_mul_ps(_mm512_loadu_ps(w.sums.data() + r * s.width() + d), by);
      store(out + r * out_stride + d, x, darkroom::lanes(left));
    }
  }
}

// A view may repeat its numbers, so that it has more of them than any memory holds. Up to here none of the sizes below overflows.
constexpr int64_t MOST_NUMBERS = int64_t{1} << 44;

bool fits(const Tensor &t) {
  return t.dim() == 4 && t.scalar_type() == at::kBFloat16 && t.device().is_cpu() && t.stride(3) == 1 && t.numel() > 0 &&
         t.numel() <= MOST_NUMBERS;
}

bool possible(const Tensor &q, const Tensor &k, const Tensor &v) {
  return darkroom::has_avx512_bf16() && fits(q) && fits(k) && fits(v) && k.sizes() == v.sizes() && q.size(0) == k.size(0) && q.size(1) == k.size(1) && q.size(3) == k.size(3);
}

const Element *head(const Tensor &t, int64_t b, int64_t h) {
  return static_cast<const Element *>(t.const_data_ptr()) + b * t.stride(0) + h * t.stride(1);
}

// What a thread needs for its tasks.
template <class F> struct Ready {};
#ifdef DARKROOM_TILES
template <> struct Ready<Tiles> {
  tiles::Whole whole;
};
#endif

// → [B, queries, heads·dim].
template <class F> Tensor attend(const Tensor &q, const Tensor &k, const Tensor &v, float scale) {
  RECORD_FUNCTION("darkroom::attention", {});
  const Shape<F> s{q.size(0), q.size(1), q.size(2), k.size(2), q.size(3)};
  auto out = at::empty({s.batch, s.queries, s.heads * s.dim}, q.options());
  const int64_t each = s.packed_key() + s.packed_value(), blocks = (s.queries + QUERIES - 1) / QUERIES;
  const int64_t bytes = s.batch * s.heads * each * static_cast<int64_t>(sizeof(typename F::Number));
  auto packed = at::empty({bytes}, at::kByte);
  auto *to = reinterpret_cast<typename F::Number *>(packed.data_ptr());
  auto *result = static_cast<Element *>(out.data_ptr());
  at::parallel_for(0, s.batch * s.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      pack_key(head(k, i / s.heads, i % s.heads), k.stride(2), s, to + i * each);
      pack_value(head(v, i / s.heads, i % s.heads), v.stride(2), s, to + i * each + s.packed_key());
    }
  });
  at::parallel_for(0, s.batch * s.heads * blocks, 1, [&](int64_t begin, int64_t end) {
    [[maybe_unused]] const Ready<F> ready;
    Scratch<F> scratch(s);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i / blocks, b = at / s.heads, h = at % s.heads, first = i % blocks * QUERIES;
      const auto *key = to + at * each;
      task<F>(s, scratch, head(q, b, h) + first * q.stride(2), q.stride(2), std::min(QUERIES, s.queries - first), key,
              key + s.packed_key(), scale, result + (b * s.queries + first) * s.heads * s.dim + h * s.dim,
              s.heads * s.dim);
    }
  });
  return out;
}

} // namespace
#endif

extern "C" {

// query [B, heads, N, D], key and value [B, heads, M, D] → [B, N, heads·D], multiplied by `products`; out stays null where the
// processor, the dtype or the layout is not this kernel's.
int dk_attention([[maybe_unused]] const Tensor *query, [[maybe_unused]] const Tensor *key, [[maybe_unused]] const Tensor *value,
                 [[maybe_unused]] double scale, [[maybe_unused]] int products, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
#ifdef DARKROOM_AVX512_BF16
    if (!possible(*query, *key, *value))
      return;
    const auto powers = static_cast<float>(scale * 1.4426950408889634);
    if (products == darkroom::PAIRS)
      *out = new Tensor(attend<Pairs>(*query, *key, *value, powers));
    else if (products == darkroom::FLOATS)
      *out = new Tensor(attend<Floats>(*query, *key, *value, powers));
#ifdef DARKROOM_TILES
    else if (products == darkroom::TILES && tiles::has())
      *out = new Tensor(attend<Tiles>(*query, *key, *value, powers));
#endif
#endif
  });
}
}
