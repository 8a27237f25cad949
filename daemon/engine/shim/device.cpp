// What a device has and does: count, memory, capabilities, synchronisation.
// Only device-generic interfaces of c10 and ATen, so that no vendor's toolkit is needed to build.
#include "codes.h"
#include "guard.h"
#include "shim.h"

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

using darkroom::device_index;
using darkroom::device_type;
using darkroom::guarded;

static thread_local std::string text;

// Statistics exist only once the device's allocator does.
static c10::DeviceAllocator *allocator_of(int device) {
  at::globalContext().lazyInitDevice(device_type(device));
  return c10::getDeviceAllocator(device_type(device));
}

std::string &darkroom::last_error() {
  static thread_local std::string error;
  return error;
}

extern "C" {

const char *dk_last_error() { return darkroom::last_error().c_str(); }

uint64_t dk_version() { return aoti_torch_abi_version(); }

// How many devices of a type the loaded backends see; 0 for a backend that is not loaded, and for none at all.
int dk_device_count(int device) {
  int count = 0;
  guarded([&] {
    if (c10::impl::hasDeviceGuardImpl(device_type(device)))
      count = c10::impl::getDeviceGuardImpl(device_type(device))->deviceCount();
  });
  return count;
}

// out: total, free, allocated, peak allocated, reserved; bytes.
int dk_memory(int device, int index, int64_t out[5]) {
  return guarded([&] {
    auto *allocator = allocator_of(device);
    auto at = device_index(index);
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

int dk_reset_peak(int device, int index) {
  return guarded([&] { allocator_of(device)->resetPeakStats(device_index(index)); });
}

int dk_empty_cache(int device) {
  return guarded([&] { allocator_of(device)->emptyCache(); });
}

int dk_synchronize(int device, int index) {
  return guarded([&] {
    c10::impl::VirtualGuardImpl guard(device_type(device));
    guard.synchronizeDevice(device_index(index));
  });
}

// Whether the device computes in a dtype, as its backend says.
int dk_supports(int device, int index, int kind, int *out) {
  return guarded([&] {
    c10::impl::VirtualGuardImpl guard(device_type(device));
    const c10::Device one(device_type(device), device_index(index));
    const auto wanted = darkroom::scalar_type(kind);
    *out = 0;
    guard.getDeviceCapability(one).forEachSupportedScalarType([&](c10::ScalarType supported) {
      if (supported == wanted)
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
