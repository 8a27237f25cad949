// Memory of large tensors on the CPU: regions of addresses in huge pages, whose freed blocks stay and are given out again.
// The system's allocator maps each large block anew, and the kernel then clears it page by page at first touch, which takes
// longer than many an operation on it.
#include "arena.h"
#include "guard.h"
#include "shim.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <unordered_map>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

using darkroom::guarded;

namespace {

constexpr size_t HUGE_PAGE = 2 << 20;
constexpr uint8_t PRIORITY = 1; // libtorch's own allocator has 0

// Smaller blocks than `least` are the system allocator's; blocks are whole grains.
struct Sizes {
  size_t least, grain;
};

constexpr Sizes SHORT_LIVED{1 << 20, 1 << 16}, LONG_LIVED{1 << 15, 1 << 12};

thread_local bool long_lived = false;

// Ranges of free grains by offset, neighbours joined. A block goes to the smallest range that holds it, and there to the
// lowest address.
class Arena {
public:
  Arena(char *base, size_t capacity, Sizes sizes) : base(base), capacity(capacity), sizes(sizes) {
    free.emplace(0, capacity);
  }

  // As numbers: pointers to different things have no order.
  bool holds(const void *block) const {
    return reinterpret_cast<uintptr_t>(block) - reinterpret_cast<uintptr_t>(base) < capacity;
  }

  // Null where the block is too small, or no range is large enough.
  void *take(size_t bytes) {
    if (bytes < sizes.least || bytes > capacity)
      return nullptr;
    const size_t size = (bytes + sizes.grain - 1) / sizes.grain * sizes.grain;
    std::lock_guard<std::mutex> lock(mutex);
    auto best = free.end();
    for (auto range = free.begin(); range != free.end(); ++range)
      if (range->second >= size && (best == free.end() || range->second < best->second))
        best = range;
    if (best == free.end())
      return nullptr;
    const auto [offset, length] = *best;
    free.erase(best);
    if (length > size)
      free.emplace(offset + size, length - size);
    taken.emplace(offset, size);
    return base + offset;
  }

  void give(void *block) {
    std::lock_guard<std::mutex> lock(mutex);
    const auto found = taken.find(static_cast<size_t>(static_cast<char *>(block) - base));
    if (found == taken.end())
      not_taken(block);
    size_t offset = found->first, size = found->second;
    taken.erase(found);
    auto next = free.upper_bound(offset);
    if (next != free.end() && next->first == offset + size) {
      size += next->second;
      next = free.erase(next);
    }
    if (next != free.begin()) {
      auto before = std::prev(next);
      if (before->first + before->second == offset) {
        before->second += size;
        return;
      }
    }
    free.emplace(offset, size);
  }

  // The pages of what is free go back to the system.
  void trim() {
#ifdef __linux__
    std::lock_guard<std::mutex> lock(mutex);
    for (const auto &[offset, size] : free) {
      const size_t begin = (offset + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE, end = (offset + size) / HUGE_PAGE * HUGE_PAGE;
      if (begin < end)
        madvise(base + begin, end - begin, MADV_DONTNEED);
    }
#endif
  }

private:
  // A block that is free already, or no block's beginning: somebody's tensor lies where two believe to be the owner. The process
  // ends here, with a word in its log, for a picture that is wrong without one is worse; nor could it be thrown out of a
  // destructor, which is what frees tensors.
  [[noreturn]] static void not_taken(const void *block) {
    std::fprintf(stderr, "darkroom: %p is freed, but no tensor's memory begins there: freed twice, or overwritten\n", block);
    std::abort();
  }

  char *base;
  size_t capacity;
  Sizes sizes;
  std::mutex mutex;
  std::map<size_t, size_t> free;
  std::unordered_map<size_t, size_t> taken;
};

Arena *short_lived_arena = nullptr, *long_lived_arena = nullptr;

// A region of addresses of half the machine's memory; null where the system has no such thing.
Arena *reserve([[maybe_unused]] Sizes sizes) {
#ifdef __linux__
  const size_t memory = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t capacity = memory / 2 / HUGE_PAGE * HUGE_PAGE;
  void *at = mmap(nullptr, capacity + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED)
    return nullptr;
  auto base = (reinterpret_cast<uintptr_t>(at) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  madvise(reinterpret_cast<void *>(base), capacity, MADV_HUGEPAGE);
  return new Arena(reinterpret_cast<char *>(base), capacity, sizes);
#else
  return nullptr;
#endif
}

void release(void *block) {
  for (Arena *arena : {short_lived_arena, long_lived_arena})
    if (arena && arena->holds(block))
      return arena->give(block);
  c10::free_cpu(block);
}

struct Allocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    Arena *arena = long_lived ? long_lived_arena : short_lived_arena;
    void *block = arena ? arena->take(bytes) : nullptr;
    if (!block)
      block = c10::alloc_cpu(bytes);
    return {block, block, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void *to, const void *from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

} // namespace

darkroom::LongLived::LongLived() : before(long_lived) { long_lived = true; }

darkroom::LongLived::~LongLived() { long_lived = before; }

extern "C" {

// From now on arenas serve large tensors on the CPU. Neither they nor the allocator are ever destroyed: tensors may outlive
// main.
int dk_arena_use() {
  return guarded([&] {
    static std::once_flag once;
    std::call_once(once, [] {
      short_lived_arena = reserve(SHORT_LIVED);
      long_lived_arena = reserve(LONG_LIVED);
      c10::SetCPUAllocator(new Allocator, PRIORITY);
    });
  });
}

int dk_arena_trim() {
  return guarded([&] {
    for (Arena *arena : {short_lived_arena, long_lived_arena})
      if (arena)
        arena->trim();
  });
}
}
