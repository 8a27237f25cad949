// Tensors on any device that libtorch knows, seeded generators, views of foreign memory.
// A device travels as (c10::DeviceType, index), a dtype as c10::ScalarType, a tensor as at::Tensor*.
#include "arena.h"
#include "guard.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

using darkroom::guarded;

static at::Device device_of(int type, int index) {
  return at::Device(static_cast<c10::DeviceType>(type), static_cast<c10::DeviceIndex>(index));
}

static at::TensorOptions options(int kind, int type, int index) {
  return at::TensorOptions().dtype(static_cast<at::ScalarType>(kind)).device(device_of(type, index));
}

extern "C" {

int dk_device_of(const at::Tensor *tensor, int *type, int *index) {
  return guarded([&] {
    *type = static_cast<int>(tensor->device().type());
    *index = tensor->device().index();
  });
}

int dk_kind_of(const at::Tensor *tensor, int *kind) {
  return guarded([&] { *kind = static_cast<int>(tensor->scalar_type()); });
}

int dk_to(const at::Tensor *tensor, int kind, int type, int index, at::Tensor **out) {
  return guarded([&] { *out = new at::Tensor(tensor->to(options(kind, type, index))); });
}

// The same on the CPU, for a tensor that stays.
int dk_keep(const at::Tensor *tensor, int kind, at::Tensor **out) {
  return guarded([&] {
    darkroom::LongLived weights;
    *out = new at::Tensor(tensor->to(static_cast<at::ScalarType>(kind)));
  });
}

int dk_zeros(const int64_t *size, size_t dims, int kind, int type, int index, at::Tensor **out) {
  return guarded([&] {
    *out = new at::Tensor(at::zeros(at::IntArrayRef(size, dims), options(kind, type, index)));
  });
}

int dk_channels_last(const at::Tensor *tensor, at::Tensor **out) {
  return guarded(
      [&] { *out = new at::Tensor(tensor->contiguous(at::MemoryFormat::ChannelsLast)); });
}

// `release(owner)` runs when the last view of the memory is gone, also when this call fails.
int dk_view_of(void *data, const int64_t *size, size_t dims, int kind, void *owner,
               void (*release)(void *), at::Tensor **out) {
  std::unique_ptr<void, void (*)(void *)> held(owner, release);
  return guarded([&] {
    auto maker = at::for_blob(data, at::IntArrayRef(size, dims));
    maker.options(at::TensorOptions().dtype(static_cast<at::ScalarType>(kind)));
    maker.context(held.get(), release);
    held.release();
    *out = new at::Tensor(maker.make_tensor());
  });
}

int dk_generator_new(uint64_t seed, at::Generator **out) {
  return guarded([&] { *out = new at::Generator(at::detail::createCPUGenerator(seed)); });
}

void dk_generator_free(at::Generator *generator) { delete generator; }

int dk_randn(at::Generator *generator, const int64_t *size, size_t dims, at::Tensor **out) {
  return guarded([&] {
    *out = new at::Tensor(at::randn(at::IntArrayRef(size, dims), *generator,
                                    at::TensorOptions().dtype(at::kFloat).device(at::kCPU)));
  });
}

c10::InferenceMode *dk_inference_mode_new() { return new (std::nothrow) c10::InferenceMode(true); }

void dk_inference_mode_free(c10::InferenceMode *guard) { delete guard; }

int dk_is_inference_mode() { return c10::InferenceMode::is_enabled() ? 1 : 0; }
}
