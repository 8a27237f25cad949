// The processor's instructions as functions, where compiler and processor are those that the kernels are written for.
#pragma once

// DARKROOM_PORTABLE leaves the kernels out: a check of what other processors' compilers see.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(DARKROOM_PORTABLE)
#define DARKROOM_X86 1

// GCC 12 warns of what its own header leaves undefined on purpose, wherever a function of it is inlined (its bug 105593).
// Clang does not know the second name, nor needs either.
#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#define INLINE __attribute__((always_inline)) inline
#define NOINLINE __attribute__((noinline))
#endif
