// What the numbers mean by which Rust names a device and a dtype. They are libtorch's own, and any other throws: libtorch takes
// them as indices without looking.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <c10/util/Exception.h>

#include <limits>

namespace darkroom {

inline c10::DeviceType device_type(int device) {
  TORCH_CHECK(device >= 0 && device < c10::COMPILE_TIME_MAX_DEVICE_TYPES, "libtorch has no kind of device ", device);
  return static_cast<c10::DeviceType>(device);
}

// Below zero is whichever is current.
inline c10::DeviceIndex device_index(int index) {
  TORCH_CHECK(index >= -1 && index <= std::numeric_limits<c10::DeviceIndex>::max(), "libtorch has no device ", index);
  return static_cast<c10::DeviceIndex>(index);
}

inline c10::ScalarType scalar_type(int kind) {
  TORCH_CHECK(kind >= 0 && kind < static_cast<int>(c10::ScalarType::NumOptions), "libtorch has no dtype ", kind);
  return static_cast<c10::ScalarType>(kind);
}

} // namespace darkroom
