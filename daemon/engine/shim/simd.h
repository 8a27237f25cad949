// What the kernels for processors with AVX-512 BF16 share.
#pragma once

#include "intrinsics.h"

#include <cstdint>

#ifdef DARKROOM_X86
#define DARKROOM_AVX512_BF16 1
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

namespace darkroom {

// A bf16 number's bits.
using Element = uint16_t;

constexpr int64_t LANES = 16;

inline bool has_avx512_bf16() {
  static const bool has = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return has;
}

// The lanes of a vector that begins `left` elements before the end, less than a whole one: masked stores are slow.
inline __mmask16 lanes(int64_t left) { return static_cast<__mmask16>((1u << left) - 1); }

// Where number `count` from `from` on would be: for what brings memory near or reads it under a mask of nothing. It may lie
// outside of what `from` points into, where no pointer may be formed by adding to it.
template <typename T> INLINE const char *address(const T *from, int64_t count) {
  return reinterpret_cast<const char *>(reinterpret_cast<uintptr_t>(from) + static_cast<uintptr_t>(count) * sizeof(T));
}

TARGET INLINE __m512 widen(__m256i half) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

TARGET INLINE __m512 load(const Element *from) {
  return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from)));
}

TARGET INLINE __m512 load(const Element *from, __mmask16 mask) { return widen(_mm256_maskz_loadu_epi16(mask, from)); }

TARGET INLINE __m256i narrow(__m512 x) { return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)); }

TARGET INLINE void store(Element *to, __m512 x) { _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), narrow(x)); }

TARGET INLINE void store(Element *to, __m512 x, __mmask16 mask) { _mm256_mask_storeu_epi16(to, mask, narrow(x)); }

// 2^x to within 2e-7 of itself, zero below 2^−126; NaN stays NaN.
TARGET INLINE __m512 exp2(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-150.0f), x);
  __m512 n = _mm512_roundscale_ps(x, 8);
  __m512 r = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(1.5403530e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3333558e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.6181291e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.5504109e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4022651e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.9314718e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

} // namespace darkroom
#endif
