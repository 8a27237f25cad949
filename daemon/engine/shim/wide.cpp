// By which of its instructions a processor multiplies bf16 fastest.
#include "products.h"
#include "shim.h"
#include "tiles.h"

#ifdef DARKROOM_AVX512_BF16
#ifndef DARKROOM_TILES
#include <cpuid.h>
#endif

namespace {

int best_products() {
#ifdef DARKROOM_TILES
  if (darkroom::tiles::has())
    return darkroom::TILES;
#else
  // This compiler knows no tiles, but oneDNN does.
  unsigned a, b, c, d;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1))
    return darkroom::PAIRS;
#endif
  return darkroom::has_avx512_bf16() && __builtin_cpu_is("intel") ? darkroom::FLOATS : darkroom::PAIRS;
}

} // namespace
#endif

extern "C" {

// AMX has sixteen times f32's products a second. VDPBF16PS takes one of Intel's two vector units for two cycles, so that f32
// has twice its products a second (83 and 170 GFLOP/s a core on a Xeon of the fifth generation); on AMD's it is the other way
// round.
int dk_products() {
#ifdef DARKROOM_AVX512_BF16
  static const int best = best_products();
  return best;
#else
  return darkroom::PAIRS;
#endif
}

// Winograd's convolution has a quarter of the products of a plain one: in f32 it is faster even where bf16 has twice f32's
// products a second, which is so on AMD's processors (an EPYC of the fourth generation: a guided step of Stable Diffusion 1.5
// at 512x512 takes 0.88x, a decoding 0.69x).
int dk_winograd_pays() {
#ifdef DARKROOM_AVX512_BF16
  static const bool pays = dk_products() == darkroom::FLOATS || (darkroom::has_avx512_bf16() && __builtin_cpu_is("amd"));
  return pays;
#else
  return 0;
#endif
}
}
