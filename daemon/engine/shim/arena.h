// Memory of tensors on the CPU, see arena.cpp.
#pragma once

namespace darkroom {

// While it lives, this thread's tensors come from an arena of their own: what stays for good would split that of the others.
struct LongLived {
  LongLived();
  ~LongLived();
  LongLived(const LongLived &) = delete;

private:
  bool before;
};

} // namespace darkroom
