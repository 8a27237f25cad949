// What every function of the shim shares: no C++ exception crosses into Rust.
#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string>

namespace darkroom {

// Mirrored by `torch/ffi.rs`.
enum Code : int { OK = 0, OUT_OF_MEMORY = 1, FAILED = 2 };

// The text of the last failure on this thread.
std::string &last_error();

template <typename F> int guarded(F &&body) noexcept {
  try {
    body();
    return OK;
  } catch (const c10::OutOfMemoryError &e) {
    last_error() = e.what_without_backtrace();
    return OUT_OF_MEMORY;
  } catch (const std::bad_alloc &e) {
    last_error() = e.what();
    return OUT_OF_MEMORY;
  } catch (const c10::Error &e) {
    // The CPU allocator throws a plain Error; Rust tells it by its text.
    last_error() = e.what_without_backtrace();
  } catch (const std::exception &e) {
    last_error() = e.what();
  } catch (...) {
    last_error() = "an exception without a message";
  }
  return FAILED;
}

} // namespace darkroom
