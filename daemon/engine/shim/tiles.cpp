// Products by tiles: the inner loops that everything else is built around, and the leave that the system gives for them.
#include "tiles.h"

#ifdef DARKROOM_TILES
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace darkroom::tiles {
namespace {

// The compiler does not know that a tile is loaded from memory and stored there.
TARGET INLINE void settle() { __asm__ volatile("" ::: "memory"); }

bool on_processor() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1);
}

// Asks Linux for leave to use tiles in this process; asking again is no harm.
bool allowed() {
  constexpr long ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

// Palette 1: eight tiles of 16 rows of 64 bytes.
struct alignas(64) Shapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(Shapes) == 64, "the processor reads 64 bytes");

constexpr Shapes WHOLE;

TARGET_TILES void store_shapes(uint8_t *to) { _tile_storeconfig(to); }

TARGET_TILES void load_shapes(const void *from) { _tile_loadconfig(from); }

TARGET_TILES void release_tiles() { _tile_release(); }

// Values of one to four tiles of channels.
template <int C>
TARGET_TILES void values_of(const Element *p, int64_t stride, const Element *v, int64_t count, int64_t width, float *out) {
  const int64_t bytes = width * 4;
  settle();
  _tile_loadd(0, out, bytes);
  if constexpr (C > 1)
    _tile_loadd(1, out + SIDE, bytes);
  if constexpr (C > 2)
    _tile_loadd(2, out + 2 * SIDE, bytes);
  if constexpr (C > 3)
    _tile_loadd(3, out + 3 * SIDE, bytes);
  for (int64_t key = 0; key < count; key += DEEP) {
    const Element *packed = v + key * width;
    _tile_loadd(4, p + key, stride * 2);
    _tile_loadd(5, packed, bytes);
    _tile_dpbf16ps(0, 4, 5);
    if constexpr (C > 1) {
      _tile_loadd(6, packed + DEEP, bytes);
      _tile_dpbf16ps(1, 4, 6);
    }
    if constexpr (C > 2) {
      _tile_loadd(7, packed + 2 * DEEP, bytes);
      _tile_dpbf16ps(2, 4, 7);
    }
    if constexpr (C > 3) {
      _tile_loadd(5, packed + 3 * DEEP, bytes);
      _tile_dpbf16ps(3, 4, 5);
    }
  }
  _tile_stored(0, out, bytes);
  if constexpr (C > 1)
    _tile_stored(1, out + SIDE, bytes);
  if constexpr (C > 2)
    _tile_stored(2, out + 2 * SIDE, bytes);
  if constexpr (C > 3)
    _tile_stored(3, out + 3 * SIDE, bytes);
  settle();
}

} // namespace

bool has() {
  static const bool all = has_avx512_bf16() && on_processor() && allowed();
  return all;
}

Whole::Whole() {
  store_shapes(before);
  load_shapes(&WHOLE);
}

Whole::~Whole() {
  if (before[0])
    load_shapes(before);
  else
    release_tiles();
}

TARGET_TILES void multiply(const Rows &rows, const int64_t *shifts, int64_t taps, const Element *panel, float *sums, bool more) {
  const int64_t bytes = rows.stride * 2, steps = rows.steps;
  settle();
  if (more) {
    _tile_loadd(0, sums, OUTPUTS * 4);
    _tile_loadd(1, sums + SIDE, OUTPUTS * 4);
    _tile_loadd(2, sums + SIDE * OUTPUTS, OUTPUTS * 4);
    _tile_loadd(3, sums + SIDE * OUTPUTS + SIDE, OUTPUTS * 4);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t tap = 0; tap < taps; ++tap) {
    const Element *upper = rows.first + shifts[tap] * rows.stride, *lower = upper + SIDE * rows.stride;
    for (int64_t step = 0; step < steps; ++step, panel += STEP, upper += DEEP, lower += DEEP) {
      _tile_loadd(4, upper, bytes);
      _tile_loadd(6, panel, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, panel + STEP / 2, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(5, lower, bytes);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, sums, OUTPUTS * 4);
  _tile_stored(1, sums + SIDE, OUTPUTS * 4);
  _tile_stored(2, sums + SIDE * OUTPUTS, OUTPUTS * 4);
  _tile_stored(3, sums + SIDE * OUTPUTS + SIDE, OUTPUTS * 4);
  settle();
}

TARGET_TILES void scores(const Element *queries, const Element *keys, int64_t row, int64_t count, float *out, int64_t out_stride) {
  const int64_t block = SIDE * row; // numbers of 16 keys
  settle();
  for (int64_t key = 0; key < count; key += 4 * SIDE, keys += 4 * block) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t d = 0; d < row; d += DEEP) {
      const Element *packed = keys + d * SIDE;
      _tile_loadd(4, queries + d, row * 2);
      _tile_loadd(5, packed, 64);
      _tile_dpbf16ps(0, 4, 5);
      _tile_loadd(6, packed + block, 64);
      _tile_dpbf16ps(1, 4, 6);
      _tile_loadd(7, packed + 2 * block, 64);
      _tile_dpbf16ps(2, 4, 7);
      _tile_loadd(5, packed + 3 * block, 64);
      _tile_dpbf16ps(3, 4, 5);
    }
    float *to = out + key;
    _tile_stored(0, to, out_stride * 4);
    _tile_stored(1, to + SIDE, out_stride * 4);
    _tile_stored(2, to + 2 * SIDE, out_stride * 4);
    _tile_stored(3, to + 3 * SIDE, out_stride * 4);
  }
  settle();
}

void values(const Element *probabilities, int64_t stride, const Element *packed, int64_t count, int64_t width, float *out) {
  for (int64_t c = 0; c < width; c += 4 * SIDE) {
    const Element *from = packed + 2 * c;
    switch (std::min<int64_t>(4, (width - c) / SIDE)) {
    case 4: values_of<4>(probabilities, stride, from, count, width, out + c); break;
    case 3: values_of<3>(probabilities, stride, from, count, width, out + c); break;
    case 2: values_of<2>(probabilities, stride, from, count, width, out + c); break;
    default: values_of<1>(probabilities, stride, from, count, width, out + c);
    }
  }
}

} // namespace darkroom::tiles
#endif
