// Memory between pages that nobody may touch, for single tensors and as libtorch's allocator; and the check of the shim's arena.
#include "check.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <c10/core/CPUAllocator.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace check {
namespace {

constexpr int MARK = 0xa5;
constexpr size_t ALIGNMENT = 64; // libtorch's own

// Pages that may be used, between two that may not.
struct Fence {
  char *begin, *end;

  static size_t page() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

  explicit Fence(size_t bytes) {
    const size_t inside = (bytes + page() - 1) / page() * page(), whole = inside + 2 * page();
    void *at = mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
      throw std::bad_alloc();
    begin = static_cast<char *>(at) + page();
    end = begin + inside;
    if (inside > 0 && mprotect(begin, inside, PROT_READ | PROT_WRITE) != 0)
      throw std::bad_alloc();
    std::memset(begin, MARK, inside);
  }

  void free() const { munmap(begin - page(), static_cast<size_t>(end - begin) + 2 * page()); }
};

// A block of libtorch's: it ends at the fence but for its alignment.
struct Block {
  Fence fence;
  size_t bytes;
  explicit Block(size_t bytes) : fence((bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT), bytes(bytes) {
    std::memset(data(), 0xff, bytes);
  }
  char *data() const { return fence.end - (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }
  bool is_whole() const {
    const auto marked = [](const char *from, const char *to) {
      for (; from < to; ++from)
        if (*from != static_cast<char>(MARK))
          return false;
      return true;
    };
    return marked(fence.begin, data()) && marked(data() + bytes, fence.end);
  }
};

Memory used = Memory::HEAP;

std::mutex mutex;
std::map<void *, Block> blocks;

void give(void *data) {
  if (!data)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  const auto found = blocks.find(data);
  if (found == blocks.end() || !found->second.is_whole()) {
    std::fprintf(stderr, "A block of %zu bytes was written to beyond its ends.\n", found == blocks.end() ? 0 : found->second.bytes);
    std::abort();
  }
  found->second.fence.free();
  blocks.erase(found);
}

struct Fenced final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void *data = nullptr;
    if (bytes > 0) {
      const Block block(bytes);
      data = block.data();
      std::lock_guard<std::mutex> lock(mutex);
      blocks.emplace(data, block);
    }
    return {data, data, &give, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give; }
  void copy_data(void *to, const void *from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

// A block that is given to the arena twice would be two tensors' at once: it ends the process, here a child's.
void expect_abort() {
  c10::Allocator *allocator = c10::GetCPUAllocator();
  void *block = allocator->raw_allocate(1 << 21);
  const pid_t child = fork();
  if (child == 0) {
    close(STDERR_FILENO);
    allocator->raw_deallocate(block);
    allocator->raw_deallocate(block);
    _exit(0);
  }
  int status = 0;
  const bool ended = waitpid(child, &status, 0) == child;
  allocator->raw_deallocate(block);
  expect(ended && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "a block that is freed twice ends the process");
}

} // namespace

Tensor fenced(at::IntArrayRef size, at::ScalarType kind, bool at_end) {
  size_t bytes = c10::elementSize(kind);
  for (const int64_t n : size)
    bytes *= static_cast<size_t>(n);
  const Fence fence(bytes);
  char *data = at_end ? fence.end - bytes : fence.begin;
  std::memset(data, 0xff, bytes);
  return at::from_blob(data, size, [fence](void *) { fence.free(); }, at::TensorOptions().dtype(kind));
}

void use(Memory memory) {
  static Fenced allocator;
  used = memory;
  if (memory == Memory::ARENA)
    expect(CALL(dk_arena_use) == 0, "an arena is used");
  else
    c10::SetCPUAllocator(memory == Memory::FENCED ? &allocator : c10::GetDefaultCPUAllocator(), 0);
}

// Blocks of the arena, if it is used, stay whole whatever is freed between them.
void memory(Random &random) {
  struct Live {
    Tensor tensor;
    uint8_t value;
  };
  std::vector<Live> live;
  const auto look = [](const Live &it) { expect((it.tensor == it.value).all().item<bool>(), "a block keeps what was written to it"); };
  for (int turn = 0; turn < 20; ++turn) {
    if (live.size() > 4 || (!live.empty() && random.rarely(3))) {
      const auto at = live.begin() + random.within(0, static_cast<int64_t>(live.size()) - 1);
      look(*at);
      live.erase(at);
    }
    const auto value = static_cast<uint8_t>(random.within(0, 255));
    const int64_t bytes = random.pick<int64_t>({1, 1 << 15, (1 << 20) - 1, 1 << 20, 3 << 19}) + random.within(0, 1 << 12);
    live.push_back({at::full({bytes}, value, at::kByte), value});
    if (random.rarely(6))
      expect(CALL(dk_arena_trim) == 0, "an arena is trimmed");
  }
  for (const auto &it : live)
    look(it);
  if (used == Memory::ARENA && random.rarely(4))
    expect_abort();
}

} // namespace check
