// Tensors on any device that libtorch knows, seeded generators, views of foreign memory.
// A device travels as (c10::DeviceType, index), a dtype as c10::ScalarType, a tensor as at::Tensor*.
#include "arena.h"
#include "codes.h"
#include "guard.h"
#include "shim.h"

#include <memory>
#include <new>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

using darkroom::guarded;
using darkroom::scalar_type;

static at::TensorOptions options(int kind, int device, int index) {
  return at::TensorOptions()
      .dtype(scalar_type(kind))
      .device(at::Device(darkroom::device_type(device), darkroom::device_index(index)));
}

extern "C" {

int dk_device_of(const Tensor *tensor, int *device, int *index) {
  return guarded([&] {
    *device = static_cast<int>(tensor->device().type());
    *index = tensor->device().index();
  });
}

int dk_kind_of(const Tensor *tensor, int *kind) {
  return guarded([&] { *kind = static_cast<int>(tensor->scalar_type()); });
}

int dk_to(const Tensor *tensor, int kind, int device, int index, Tensor **out) {
  return guarded([&] { *out = new Tensor(tensor->to(options(kind, device, index))); });
}

// The same on the CPU, for a tensor that stays.
int dk_keep(const Tensor *tensor, int kind, Tensor **out) {
  return guarded([&] {
    darkroom::LongLived weights;
    *out = new Tensor(tensor->to(scalar_type(kind)));
  });
}

int dk_zeros(const int64_t *size, size_t dims, int kind, int device, int index, Tensor **out) {
  return guarded([&] { *out = new Tensor(at::zeros(at::IntArrayRef(size, dims), options(kind, device, index))); });
}

int dk_channels_last(const Tensor *tensor, Tensor **out) {
  return guarded([&] { *out = new Tensor(tensor->contiguous(at::MemoryFormat::ChannelsLast)); });
}

// `release(owner)` runs when the last view of the memory is gone, also when this call fails.
int dk_view_of(void *data, const int64_t *size, size_t dims, int kind, void *owner, Release release, Tensor **out) {
  std::unique_ptr<void, Release> held(owner, release);
  return guarded([&] {
    auto maker = at::for_blob(data, at::IntArrayRef(size, dims));
    maker.options(at::TensorOptions().dtype(scalar_type(kind)));
    maker.context(held.get(), release);
    held.release();
    *out = new Tensor(maker.make_tensor());
  });
}

int dk_generator_new(uint64_t seed, at::Generator **out) {
  return guarded([&] { *out = new at::Generator(at::detail::createCPUGenerator(seed)); });
}

void dk_generator_free(at::Generator *generator) { delete generator; }

int dk_randn(at::Generator *generator, const int64_t *size, size_t dims, Tensor **out) {
  return guarded([&] {
    const auto options = at::TensorOptions().dtype(at::kFloat).device(at::kCPU);
    *out = new Tensor(at::randn(at::IntArrayRef(size, dims), *generator, options));
  });
}

c10::InferenceMode *dk_inference_mode_new() { return new (std::nothrow) c10::InferenceMode(true); }

void dk_inference_mode_free(c10::InferenceMode *guard) { delete guard; }

int dk_is_inference_mode() { return c10::InferenceMode::is_enabled() ? 1 : 0; }
}
