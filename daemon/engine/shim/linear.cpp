// x·Wᵀ + b of bf16 with sums in f32, the weight read where its file has it: the products in f32 are here.
#include "guard.h"
#include "products.h"
#include "shim.h"
#include "tiled.h"
#include "wide.h"

#include <ATen/record_function.h>

using darkroom::guarded;

#ifdef DARKROOM_AVX512_BF16
namespace {

using namespace darkroom;

constexpr int64_t DEPTH = 128;      // inputs at a time: a panel of them stays in the first cache
constexpr int64_t MOST_PANELS = 16; // of a task: with MOST_ROWS rows their sums stay in the second

struct Layer {
  int64_t inputs, outputs;
  const Element *weight, *bias;
  int64_t panels() const { return (outputs + PANEL - 1) / PANEL; }
};

// What a task needs for itself.
struct Scratch {
  Tensor memory;
  float *rows, *panel, *sums;
  Scratch(int64_t most_rows, int64_t panels)
      : memory(floats(DEPTH * (most_rows + PANEL) + most_rows * panels * PANEL)), rows(memory.data_ptr<float>()),
        panel(rows + most_rows * DEPTH), sums(panel + DEPTH * PANEL) {}
};

// A task: the outputs of `panels` panels from `first` on, of `count` rows. x, other and y begin at its rows.
TARGET void task(const Layer &layer, int64_t count, int64_t first, int64_t panels, const Scratch &w, const Element *x,
                 const Element *other, Element *y) {
  const auto outputs = [&](int64_t panel) { return std::min(PANEL, layer.outputs - (first + panel) * PANEL); };
  const auto vectors = [&](int64_t panel) { return (outputs(panel) + LANES - 1) / LANES; };
  for (int64_t k = 0; k < layer.inputs; k += DEPTH) {
    const int64_t depth = std::min(DEPTH, layer.inputs - k);
    for (int64_t row = 0; row < count; ++row)
      widen_row(x + row * layer.inputs + k, depth, w.rows + row * DEPTH);
    for (int64_t panel = 0; panel < panels; ++panel) {
      widen_panel(layer.weight + (first + panel) * PANEL * layer.inputs + k, layer.inputs, outputs(panel), depth, w.panel);
      multiply(w.rows, DEPTH, count, w.panel, depth, vectors(panel), w.sums + panel * count * PANEL, vectors(panel) * LANES,
               k > 0);
    }
  }
  for (int64_t panel = 0; panel < panels; ++panel)
    for (int64_t row = 0; row < count; ++row)
      for (int64_t v = 0; v < vectors(panel); ++v) {
        const int64_t o = (first + panel) * PANEL + v * LANES, at = row * layer.outputs + o;
        const float *sums = w.sums + panel * count * PANEL + (row * vectors(panel) + v) * LANES;
        finish(_mm512_loadu_ps(sums), layer.bias ? layer.bias + o : nullptr, other ? other + at : nullptr, layer.outputs - o,
               y + at);
      }
}

void multiply_rows(const Layer &layer, const Element *x, int64_t rows, const Element *other, Element *y) {
  const Parts parts(rows, 2 * MOST_ROWS);
  // Enough tasks that no thread waits long for the last.
  const int64_t groups = (8 * at::get_num_threads() + parts.parts() - 1) / parts.parts();
  const Parts panels(layer.panels(), std::clamp<int64_t>(layer.panels() / groups, 1, MOST_PANELS));
  at::parallel_for(0, parts.parts() * panels.parts(), 1, [&](int64_t from, int64_t to) {
    const Scratch scratch(parts.each, panels.each);
    for (int64_t i = from; i < to; ++i) {
      const int64_t part = i / panels.parts(), group = i % panels.parts(), row = parts.begin(part);
      task(layer, parts.size(part), panels.begin(group), panels.size(group), scratch, x + row * layer.inputs,
           other ? other + row * layer.outputs : nullptr, y + row * layer.outputs);
    }
  });
}

bool possible(const Tensor &x, const Tensor &weight, const Tensor *bias, const Tensor *other, at::IntArrayRef size) {
  return has_avx512_bf16() && is_bf16(x) && x.dim() > 0 && is_bf16(weight) && weight.is_contiguous() && weight.dim() == 2 &&
         x.size(-1) == weight.size(1) && is_bias(bias, weight.size(0)) &&
         (!other || (is_bf16(*other) && other->is_contiguous() && other->sizes() == size));
}

} // namespace
#endif

extern "C" {

// x [.., inputs], weight [outputs, inputs], bias [outputs] or null, other [.., outputs] or null, which is added → [.., outputs];
// multiplied by `products`. out stays null where the processor, the dtype or the layout is not this kernel's.
int dk_wide_linear([[maybe_unused]] const Tensor *x, [[maybe_unused]] const Tensor *weight, [[maybe_unused]] const Tensor *bias,
                   [[maybe_unused]] const Tensor *other, [[maybe_unused]] int products, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
#ifdef DARKROOM_AVX512_BF16
    if (x->dim() == 0 || weight->dim() != 2)
      return;
    auto size = x->sizes().vec();
    size.back() = weight->size(0);
    if (!possible(*x, *weight, bias, other, size))
      return;
    const Element *added = other ? bits(*other) : nullptr, *biases = bias ? bits(*bias) : nullptr;
    const int64_t inputs = weight->size(1), outputs = weight->size(0);
    if (products == darkroom::FLOATS) {
      RECORD_FUNCTION("darkroom::wide_linear", {});
      const Tensor rows = x->contiguous();
      Tensor y = at::empty(size, x->options());
      multiply_rows({inputs, outputs, bits(*weight), biases}, bits(rows), rows.numel() / inputs, added, bits_of(y));
      *out = new Tensor(std::move(y));
    }
#ifdef DARKROOM_TILES
    if (products == darkroom::TILES && darkroom::tiles::has()) {
      RECORD_FUNCTION("darkroom::tiled_linear", {});
      const Tensor rows = x->contiguous();
      Tensor y = at::empty(size, x->options());
      darkroom::tiles::linear({inputs, outputs, 1, bits(*weight), biases}, bits(rows), rows.numel() / inputs, added, bits_of(y));
      *out = new Tensor(std::move(y));
    }
#endif
#endif
  });
}
}
