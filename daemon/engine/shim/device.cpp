// What a device has and does: count, memory, capabilities, synchronisation.
// Only device-generic interfaces of c10 and ATen, so that no vendor's toolkit is needed to build.
#include "guard.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/cpu/Utils.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceCapability.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>

#ifdef _OPENMP
#include <omp.h>
#endif

using darkroom::guarded;

static thread_local std::string text;

static c10::DeviceType type_of(int type) { return static_cast<c10::DeviceType>(type); }

// Statistics exist only once the device's allocator does.
static c10::DeviceAllocator *allocator_of(int type) {
  at::globalContext().lazyInitDevice(type_of(type));
  return c10::getDeviceAllocator(type_of(type));
}

std::string &darkroom::last_error() {
  static thread_local std::string error;
  return error;
}

extern "C" {

const char *dk_last_error() { return darkroom::last_error().c_str(); }

uint64_t dk_version() { return aoti_torch_abi_version(); }

// How many devices of a type the loaded backends see; 0 for a backend that is not loaded.
int dk_device_count(int type) {
  if (!c10::impl::hasDeviceGuardImpl(type_of(type)))
    return 0;
  return c10::impl::getDeviceGuardImpl(type_of(type))->deviceCount();
}

// out: total, free, allocated, peak allocated, reserved; bytes.
int dk_memory(int type, int index, int64_t out[5]) {
  return guarded([&] {
    auto *allocator = allocator_of(type);
    auto at = static_cast<c10::DeviceIndex>(index);
    auto [free, total] = allocator->getMemoryInfo(at);
    out[0] = static_cast<int64_t>(total);
    out[1] = static_cast<int64_t>(free);
    out[2] = out[3] = out[4] = 0;
    if (!allocator->initialized())
      return;
    auto stats = allocator->getDeviceStats(at);
    out[2] = stats.allocated_bytes[0].current;
    out[3] = stats.allocated_bytes[0].peak;
    out[4] = stats.reserved_bytes[0].current;
  });
}

int dk_reset_peak(int type, int index) {
  return guarded([&] { allocator_of(type)->resetPeakStats(static_cast<c10::DeviceIndex>(index)); });
}

int dk_empty_cache(int type) {
  return guarded([&] { allocator_of(type)->emptyCache(); });
}

int dk_synchronize(int type, int index) {
  return guarded([&] {
    c10::impl::VirtualGuardImpl guard(type_of(type));
    guard.synchronizeDevice(static_cast<c10::DeviceIndex>(index));
  });
}

// Whether the device computes in a dtype, as its backend says.
int dk_supports(int type, int index, int kind, int *out) {
  return guarded([&] {
    c10::impl::VirtualGuardImpl guard(type_of(type));
    auto device = c10::Device(type_of(type), static_cast<c10::DeviceIndex>(index));
    *out = 0;
    guard.getDeviceCapability(device).forEachSupportedScalarType([&](c10::ScalarType supported) {
      if (supported == static_cast<c10::ScalarType>(kind))
        *out = 1;
    });
  });
}

// The capabilities that libtorch sees in the processor, one a line: `avx2` for a flag, `cpu_name=…` for a text.
int dk_cpu_capabilities(const char **out) {
  return guarded([&] {
    text.clear();
    for (const auto &[name, value] : at::cpu::get_cpu_capabilities()) {
      if (value.isBool() && value.toBool())
        text += name + "\n";
      else if (value.isString())
        text += name + "=" + value.toStringRef() + "\n";
    }
    *out = text.c_str();
  });
}

// On how many threads a parallel loop runs that is started from this one.
int dk_threads_used(int *count) {
  return guarded([&] {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    at::parallel_for(0, 64 * at::get_num_threads(), 1, [&](int64_t, int64_t) {
      std::lock_guard<std::mutex> lock(mutex);
      threads.insert(std::this_thread::get_id());
    });
    *count = static_cast<int>(threads.size());
  });
}

// Runs an empty loop on so many threads that this process has more of OpenMP's than there are processors, when the thread that
// computes uses `threads`. libgomp counts them as long as the calling thread lives, and meanwhile its waiting threads go to sleep
// after a hundred looks instead of 300,000 (gomp_throttled_spin_count_var). Other runtimes take no notice.
int dk_crowd(int threads, int *ran) {
  return guarded([&] {
    *ran = 0;
#ifdef _OPENMP
    const int count = std::max(2, omp_get_num_procs() - threads + 2);
    std::atomic<int> seen{0};
#pragma omp parallel num_threads(count)
    ++seen;
    *ran = seen;
#endif
  });
}
}
