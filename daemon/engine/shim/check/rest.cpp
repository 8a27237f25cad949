// What is no kernel: devices, tensors as such, generators, the profile.
#include "check.h"

#include "../products.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cstring>
#include <limits>
#include <thread>

namespace check {
namespace {

constexpr int CPU = static_cast<int>(c10::DeviceType::CPU), META = static_cast<int>(c10::DeviceType::Meta);
constexpr int FLOAT = static_cast<int>(at::kFloat), BF16 = static_cast<int>(at::kBFloat16);
constexpr int NONE[] = {-1, 99, 100, 255, 1 << 20, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()};

void sizes_and_kinds(Random &random) {
  const Tensor x = random.normal({random.size(20), random.size(20)}, at::kFloat);
  int device = -1, index = -1, kind = -1;
  expect(CALL(dk_device_of, &x, &device, &index) == 0 && device == CPU, "it is on the CPU");
  expect(CALL(dk_kind_of, &x, &kind) == 0 && kind == FLOAT, "it is f32");
  const auto to = [&](int kind, int device) { return [&, kind, device](Tensor **out) { return CALL(dk_to, &x, kind, device, -1, out); }; };
  const auto keep = [&](int kind) { return [&, kind](Tensor **out) { return CALL(dk_keep, &x, kind, out); }; };
  const auto zeros = [](at::IntArrayRef size, int kind, int device) {
    return [=](Tensor **out) { return CALL(dk_zeros, size.data(), size.size(), kind, device, -1, out); };
  };
  const auto channels_last = [](const Tensor &t) { return [&](Tensor **out) { return CALL(dk_channels_last, &t, out); }; };
  const Tensor narrow = result(to(BF16, CPU), "another dtype");
  expect(narrow.equal(x.to(at::kBFloat16)), "it is rounded as ATen does");
  expect(result(keep(BF16), "what is kept").equal(narrow), "what is kept is the same");
  const Tensor meta = result(to(BF16, META), "no numbers");
  expect(meta.is_meta() && meta.sizes() == x.sizes(), "a dry run has sizes");
  const int64_t size[] = {2, 0, 3}, wrong[] = {2, -1}, huge[] = {int64_t{1} << 40, int64_t{1} << 40};
  for (size_t dims = 0; dims <= 3; ++dims) {
    const at::IntArrayRef some(size, dims);
    expect(result(zeros(some, FLOAT, CPU), "zeros").equal(at::zeros(some)), "zeros are zeros");
  }
  for (const int none : NONE) {
    refuse(to(none, CPU), "a dtype that is none");
    refuse(to(FLOAT, none), "a device that is none");
    refuse(keep(none), "a dtype that is none");
    refuse(zeros({2}, none, CPU), "a dtype that is none");
    refuse(zeros({2}, FLOAT, none), "a device that is none");
  }
  refuse(zeros(wrong, FLOAT, CPU), "a size below zero");
  refuse(zeros(huge, FLOAT, CPU), "more than there is");
  const Tensor pixels = random.normal({2, 3, 4, 5}, at::kFloat);
  const Tensor inner = result(channels_last(pixels), "channels innermost");
  expect(inner.is_contiguous(at::MemoryFormat::ChannelsLast) && inner.equal(pixels), "channels are innermost");
  refuse(channels_last(x), "channels of two dimensions");
  const Tensor nothing;
  expect(CALL(dk_device_of, &nothing, &device, &index) != 0, "nothing is nowhere");
  expect(CALL(dk_kind_of, &nothing, &kind) == 0, "nothing has a dtype of its own");
}

void views(Random &random) {
  struct Owner {
    std::vector<float> numbers;
    int released = 0;
  } owner{std::vector<float>(static_cast<size_t>(random.size(200)), 3), 0};
  const Release release = [](void *it) { ++static_cast<Owner *>(it)->released; };
  const int64_t size[] = {static_cast<int64_t>(owner.numbers.size())}, wrong[] = {-1};
  const auto see = [&](const int64_t *size, int kind) {
    return [&, size, kind](Tensor **out) { return CALL(dk_view_of, owner.numbers.data(), size, 1, kind, &owner, release, out); };
  };
  {
    const Tensor view = result(see(size, FLOAT), "a view");
    expect(view.data_ptr() == owner.numbers.data() && view.sum().item<double>() == 3.0 * static_cast<double>(size[0]), "a view is of what there is");
    expect(owner.released == 0, "what is seen is held");
  }
  expect(owner.released == 1, "what nobody sees is given up");
  refuse(see(wrong, FLOAT), "a view of less than nothing");
  refuse(see(size, -1), "a view of no dtype");
  expect(owner.released == 3, "a call that fails gives up what it was handed");
}

void noise(Random &random) {
  const auto seed = static_cast<uint64_t>(random.within(0, std::numeric_limits<int64_t>::max() - 1));
  const int64_t size[] = {random.size(10), random.size(10)}, wrong[] = {-1};
  const auto draw = [&] {
    at::Generator *generator = nullptr;
    expect(CALL(dk_generator_new, seed, &generator) == 0, "a generator");
    const Tensor numbers = result([&](Tensor **out) { return CALL(dk_randn, generator, size, 2, out); }, "noise");
    refuse([&](Tensor **out) { return CALL(dk_randn, generator, wrong, 1, out); }, "less noise than none");
    CALL(dk_generator_free, generator);
    return numbers;
  };
  const Tensor first = draw();
  expect(first.equal(draw()), "a seed gives one noise");
}

void inference() {
  expect(CALL(dk_is_inference_mode) == 0, "no inference mode");
  auto *guard = CALL(dk_inference_mode_new);
  expect(guard && CALL(dk_is_inference_mode) == 1, "inference mode");
  CALL(dk_inference_mode_free, guard);
  expect(CALL(dk_is_inference_mode) == 0, "no inference mode any more");
}

void profile() {
  const char *text = nullptr;
  expect(CALL(dk_profile_start) == 0 && CALL(dk_profile_start) == 0, "a profile");
  at::ones({4, 4}).matmul(at::ones({4, 4}));
  expect(CALL(dk_profile_stop, &text) == 0 && std::strstr(text, "aten::mm\t"), "a profile has operations");
  expect(CALL(dk_profile_stop, &text) == 0 && text, "a profile ends twice");
}

} // namespace

void tensors(Random &random) {
  sizes_and_kinds(random);
  views(random);
  noise(random);
  inference();
  profile();
}

void devices(Random &) {
  expect(CALL(dk_version) != 0, "libtorch has a version");
  expect(CALL(dk_device_count, CPU) == 1, "there is one CPU");
  const char *text = nullptr;
  expect(CALL(dk_cpu_capabilities, &text) == 0 && text, "a processor has capabilities");
  int number = 0;
  int64_t figures[5] = {};
  expect(CALL(dk_supports, CPU, 0, FLOAT, &number) == 0 && number == 1, "a CPU computes in f32");
  for (const int none : NONE) {
    expect(CALL(dk_device_count, none) == 0, "there is none of no device");
    expect(CALL(dk_memory, none, 0, figures) != 0 && CALL(dk_reset_peak, none, 0) != 0, "no device has no memory");
    expect(CALL(dk_empty_cache, none) != 0 && CALL(dk_synchronize, none, 0) != 0, "no device has nothing to wait for");
    expect(CALL(dk_supports, none, 0, FLOAT, &number) != 0 && CALL(dk_supports, CPU, 0, none, &number) != 0, "no device computes nothing");
  }
  // A device whose backend is not here.
  const int away = static_cast<int>(c10::DeviceType::HIP);
  expect(CALL(dk_device_count, away) == 0 && CALL(dk_memory, away, 0, figures) != 0, "a device that is not here has no memory");
  expect(CALL(dk_synchronize, CPU, 0) != 0 && CALL(dk_last_error)[0] != '\0', "nobody waits for a CPU");
  expect(CALL(dk_threads_used, &number) == 0 && number >= 1, "a loop has threads");
  const int products = CALL(dk_products), pays = CALL(dk_winograd_pays);
  expect(products >= darkroom::PAIRS && products <= darkroom::TILES && (pays == 0 || pays == 1), "there is a way to multiply");
  // A thread of its own: what was crowded stays so as long as the thread lives.
  int ran = 0, code = -1;
  std::thread([&] { code = CALL(dk_crowd, 2, &ran); }).join();
  expect(code == 0 && ran >= 0, "a crowd comes and goes");
}

} // namespace check
