// Matrix products of bf16 by Intel's tiles (AMX), whose sums are f32. Called by the layers of bf16 and by attention. Weights
// stay in the order of their file: a panel of them is turned when it is used, so that nothing is packed ahead and kept.
#pragma once

#include "panel.h"

// DARKROOM_WITHOUT_TILES leaves them out: a check of what older compilers see.
#if defined(DARKROOM_AVX512_BF16) && defined(__linux__) && !defined(DARKROOM_WITHOUT_TILES) &&                                  \
    (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define DARKROOM_TILES 1
#define TARGET_TILES                                                                                                            \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16"))) __attribute__((noinline))

#include <cstring>

namespace darkroom::tiles {

constexpr int64_t SIDE = 16;                // rows of a tile, and numbers of f32 in one of its rows
constexpr int64_t DEEP = 32;                // numbers of bf16 in one of its rows
constexpr int64_t ROWS = 2 * SIDE;          // of a block of sums, which are four tiles
constexpr int64_t OUTPUTS = 2 * SIDE;       // of a block of sums
constexpr int64_t STEP = OUTPUTS * DEEP;    // numbers of a panel that a block takes at once

// Whether the processor has tiles of bf16 and the system lets this process use them.
bool has();

// All eight tiles are 16 rows of 64 bytes while it lives, on its thread; then they are as whoever came before had them.
class Whole {
public:
  Whole();
  ~Whole();
  Whole(const Whole &) = delete;
  Whole &operator=(const Whole &) = delete;

private:
  alignas(64) uint8_t before[64];
};

// Rows of `steps`·DEEP numbers, `stride` apart.
struct Rows {
  const Element *first;
  int64_t stride, steps;
};

// sums [ROWS, OUTPUTS] = Σ over taps of the rows from shifts[tap] on · the panel's part for it: [taps][steps][STEP], or that
// much more where `more`. Needs Whole.
void multiply(const Rows &rows, const int64_t *shifts, int64_t taps, const Element *panel, float *sums, bool more);

// `columns` ≤ 32 numbers of `outputs` ≤ 16 rows, turned by pairs: [16 pairs][16 outputs][2], zeros beyond what there is.
TARGET INLINE void turn_pairs(const Element *from, int64_t stride, int64_t outputs, int64_t columns, Element *to) {
  const auto mask = static_cast<__mmask32>(columns >= DEEP ? ~0u : (1u << columns) - 1);
  __m512i row[SIDE];
  for (int64_t i = 0; i < SIDE; ++i)
    row[i] = i < outputs ? _mm512_maskz_loadu_epi16(mask, from + i * stride) : _mm512_setzero_si512();
  turn(row);
  for (int64_t i = 0; i < SIDE; ++i)
    _mm512_storeu_si512(to + i * DEEP, row[i]);
}

// Scores of 16 queries of `row` numbers, a multiple of 32, and `keys`, a multiple of 64, packed as attention packs pairs:
// out[query·out_stride + key]. Needs Whole.
void scores(const Element *queries, const Element *keys, int64_t row, int64_t count, float *out, int64_t out_stride);

// out [16, width] += probabilities [16, count] · values [count, width] packed as attention packs pairs. Needs Whole.
void values(const Element *probabilities, int64_t stride, const Element *packed, int64_t count, int64_t width, float *out);

} // namespace darkroom::tiles
#endif
