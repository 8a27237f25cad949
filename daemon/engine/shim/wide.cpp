// Whether bf16 is computed faster in f32 than by the processor's own instructions for it.
#include "simd.h"

#ifdef DARKROOM_AVX512_BF16
#include <cpuid.h>

namespace {

bool has_amx_bf16() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1);
}

} // namespace
#endif

extern "C" {

// VDPBF16PS takes one of Intel's two vector units for two cycles, so that f32 has twice its products a second (83 and 170
// GFLOP/s a core on a Xeon of the fifth generation); on AMD's it is the other way round. Where there is AMX, oneDNN has it.
int dk_wide_pays() {
#ifdef DARKROOM_AVX512_BF16
  static const bool pays = darkroom::has_avx512_bf16() && __builtin_cpu_is("intel") && !has_amx_bf16();
  return pays;
#else
  return 0;
#endif
}

// Winograd's convolution has a quarter of the products of a plain one: in f32 it is faster even where bf16 has twice f32's
// products a second, which is so on AMD's processors (an EPYC of the fourth generation: a guided step of Stable Diffusion 1.5
// at 512x512 takes 0.88x, a decoding 0.69x). AMX has sixteen times f32's, and keeps oneDNN.
int dk_wide_conv_pays() {
#ifdef DARKROOM_AVX512_BF16
  static const bool pays = dk_wide_pays() || (darkroom::has_avx512_bf16() && __builtin_cpu_is("amd"));
  return pays;
#else
  return 0;
#endif
}
}
