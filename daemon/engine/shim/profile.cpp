// Where the time goes, by operation: libtorch's own hooks around each, less what the operations inside it take.
#include "guard.h"
#include "shim.h"

#include <chrono>
#include <map>
#include <sstream>
#include <vector>

#include <ATen/record_function.h>

using Clock = std::chrono::steady_clock;
using darkroom::guarded;

namespace {

struct Total {
  double seconds = 0;
  int64_t calls = 0;
};

struct Open {
  Clock::time_point begun;
  double inside = 0;
};

// Of the thread that started it.
thread_local bool on = false;
thread_local std::map<std::string, Total> totals;
thread_local std::vector<Open> open;
thread_local at::CallbackHandle handle;
thread_local std::string text;

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction &) {
  open.push_back({Clock::now()});
  return nullptr;
}

void end(const at::RecordFunction &function, at::ObserverContext *) {
  if (open.empty())
    return;
  double took = std::chrono::duration<double>(Clock::now() - open.back().begun).count();
  auto &total = totals[function.name()];
  total.seconds += took - open.back().inside;
  total.calls += 1;
  open.pop_back();
  if (!open.empty())
    open.back().inside += took;
}

} // namespace

extern "C" {

int dk_profile_start() {
  return guarded([&] {
    if (on)
      return;
    totals.clear();
    open.clear();
    handle = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end));
    on = true;
  });
}

// Lines of name, seconds and calls, apart by tabs; the text stays until the next call on this thread.
int dk_profile_stop(const char **out) {
  return guarded([&] {
    if (on)
      at::removeCallback(handle);
    on = false;
    std::ostringstream lines;
    for (const auto &[name, total] : totals)
      lines << name << '\t' << total.seconds << '\t' << total.calls << '\n';
    text = lines.str();
    *out = text.c_str();
  });
}
}
