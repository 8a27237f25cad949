// Every function that Rust calls, as `torch/ffi.rs` declares it: a test there compares the two texts. What defines one includes
// this, so that the compiler compares the definition too. What each takes and leaves behind stands above its definition.
//
// One declaration a statement, with its parameters' names and without default values: the test reads no more than that.
#pragma once

#include <cstddef>
#include <cstdint>

namespace at {
class Tensor;
struct Generator;
} // namespace at

namespace c10 {
struct InferenceMode;
} // namespace c10

using at::Tensor;

// Gives up what it is handed.
using Release = void (*)(void *);

extern "C" {

// device.cpp
const char *dk_last_error();
uint64_t dk_version();
int dk_device_count(int device);
int dk_memory(int device, int index, int64_t out[5]);
int dk_reset_peak(int device, int index);
int dk_empty_cache(int device);
int dk_synchronize(int device, int index);
int dk_supports(int device, int index, int kind, int *out);
int dk_cpu_capabilities(const char **out);
int dk_threads_used(int *count);
int dk_crowd(int threads, int *ran);

// tensor.cpp
int dk_device_of(const Tensor *tensor, int *device, int *index);
int dk_kind_of(const Tensor *tensor, int *kind);
int dk_to(const Tensor *tensor, int kind, int device, int index, Tensor **out);
int dk_keep(const Tensor *tensor, int kind, Tensor **out);
int dk_zeros(const int64_t *size, size_t dims, int kind, int device, int index, Tensor **out);
int dk_channels_last(const Tensor *tensor, Tensor **out);
int dk_view_of(void *data, const int64_t *size, size_t dims, int kind, void *owner, Release release, Tensor **out);
int dk_generator_new(uint64_t seed, at::Generator **out);
void dk_generator_free(at::Generator *generator);
int dk_randn(at::Generator *generator, const int64_t *size, size_t dims, Tensor **out);
c10::InferenceMode *dk_inference_mode_new();
void dk_inference_mode_free(c10::InferenceMode *guard);
int dk_is_inference_mode();

// arena.cpp
int dk_arena_use();
int dk_arena_trim();

// profile.cpp
int dk_profile_start();
int dk_profile_stop(const char **out);

// packed.cpp
int dk_linear_pack(const Tensor *weight, Tensor **out);
int dk_linear(const Tensor *x, const Tensor *weight, const Tensor *bias, Tensor **out);
int dk_conv_pack(const Tensor *weight, const int64_t size[4], int64_t stride, int64_t padding, Tensor **out);
int dk_conv(const Tensor *x, const Tensor *weight, const Tensor *bias, int64_t stride, int64_t padding, Tensor **out);
int dk_packed_bytes(const Tensor *weight, int64_t *out);

// wide.cpp, linear.cpp, winograd.cpp
int dk_products();
int dk_winograd_pays();
int dk_wide_linear(const Tensor *x, const Tensor *weight, const Tensor *bias, const Tensor *other, int products, Tensor **out);
int dk_wide_conv3x3(const Tensor *x, const Tensor *weight, const Tensor *bias, const Tensor *other, int products, Tensor **out);

// attention.cpp, norm.cpp, geglu.cpp
int dk_attention(const Tensor *query, const Tensor *key, const Tensor *value, double scale, int products, Tensor **out);
int dk_group_norm(const Tensor *x, const Tensor *bias, const Tensor *weight, const Tensor *offset, int64_t groups, double eps,
                  int with_silu, Tensor **out);
int dk_geglu(const Tensor *x, Tensor **out);

// int8.cpp
int dk_int8_possible();
int dk_int8_pack(const Tensor *weight, Tensor **values, Tensor **scales, Tensor **sums);
int dk_int8_linear(const Tensor *x, int64_t inputs, int64_t outputs, const Tensor *values, const Tensor *scales,
                   const Tensor *sums, const Tensor *bias, Tensor **out);
}
