// Memory of tensors on the CPU, see arena.cpp.
#pragma once

namespace darkroom {

// While it lives, this thread's tensors are allocated outside the arena: what stays for good would split it.
struct LongLived {
  LongLived();
  ~LongLived();
  LongLived(const LongLived &) = delete;

private:
  bool before;
};

} // namespace darkroom
