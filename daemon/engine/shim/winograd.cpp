// The 3×3 convolution of bf16 with sums in f32, the weight read where its file has it: the products in f32 are here.
#include "winograd.h"
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
using namespace darkroom::winograd;

constexpr int64_t SHARED_BYTES = 8l << 20; // of tiles that all threads read, a thread: they stay in the third cache
// Equal places of equal planes would fall on the same lines of the first cache.
constexpr int64_t SKEW = LANES;

struct Layer {
  int64_t batch, height, width, inputs, outputs;
  const Element *weight, *bias, *other;
  int64_t down() const { return (height + OUT - 1) / OUT; }
  int64_t across() const { return (width + OUT - 1) / OUT; }
  int64_t tiles() const { return batch * down() * across(); }
  int64_t blocks() const { return (inputs + DEPTH - 1) / DEPTH; }
};

// Where a tile's outputs begin.
struct Place {
  int64_t picture, top, left;
  Place(const Layer &s, int64_t tile)
      : picture(tile / (s.down() * s.across())), top(tile / s.across() % s.down() * OUT), left(tile % s.across() * OUT) {}
};

// Transformed tiles: [blocks][POINTS][count][DEPTH].
struct Tiles {
  float *data;
  int64_t first, count;
  int64_t plane() const { return count * DEPTH + SKEW; }
  float *at(int64_t block, int64_t point, int64_t tile) const { return data + (block * POINTS + point) * plane() + tile * DEPTH; }
};

// What a task needs for itself.
struct Scratch {
  static constexpr int64_t TAPS = 9 * LANES * LANES, PLANE = DEPTH * PANEL + SKEW;
  static int64_t sums_plane(int64_t tiles) { return tiles * PANEL + SKEW; }
  Tensor memory;
  float *taps, *weights, *sums;
  explicit Scratch(int64_t tiles)
      : memory(floats(TAPS + POINTS * (PLANE + sums_plane(tiles)))), taps(memory.data_ptr<float>()), weights(taps + TAPS),
        sums(weights + POINTS * PLANE) {}
};

TARGET void transform_tile(const Layer &s, const Element *x, const Tiles &tiles, int64_t tile) {
  const Place at(s, tiles.first + tile);
  const Picture picture{s.height, s.width, s.inputs};
  for (int64_t c = 0; c < s.inputs; c += LANES) {
    const int64_t left = s.inputs - c;
    transform_input(x + at.picture * s.height * s.width * s.inputs + c, picture, at.top, at.left,
                    left >= LANES ? static_cast<__mmask16>(0xffff) : lanes(left), tiles.at(c / DEPTH, 0, tile) + c % DEPTH,
                    tiles.plane());
  }
}

// A task: PANEL outputs from `output` on of `count` tiles from `first` on.
TARGET void task(const Layer &s, const Tiles &tiles, int64_t first, int64_t count, int64_t output, const Scratch &w, Element *y) {
  const int64_t outputs = std::min(PANEL, s.outputs - output), vectors = (outputs + LANES - 1) / LANES;
  const int64_t width = vectors * LANES, plane = Scratch::sums_plane(count);
  for (int64_t block = 0; block < s.blocks(); ++block) {
    const int64_t depth = std::min(DEPTH, s.inputs - block * DEPTH);
    transform_weight(s.weight + (output * s.inputs + block * DEPTH) * 9, s.inputs * 9, outputs, depth, w.taps, w.weights,
                     Scratch::PLANE);
    for (int64_t point = 0; point < POINTS; ++point)
      multiply(tiles.at(block, point, first), DEPTH, count, w.weights + point * Scratch::PLANE, depth, vectors,
               w.sums + point * plane, width, block > 0);
  }
  const Picture picture{s.height, s.width, s.outputs};
  for (int64_t tile = 0; tile < count; ++tile) {
    const Place at(s, tiles.first + first + tile);
    const int64_t begin = at.picture * s.height * s.width * s.outputs;
    for (int64_t o = output; o < output + outputs; o += LANES)
      transform_output(w.sums + tile * width + o - output, plane, picture, at.top, at.left, s.outputs - o,
                       s.bias ? s.bias + o : nullptr, s.other ? s.other + begin + o : nullptr, y + begin + o);
  }
}

void convolve(const Layer &s, const Element *x, Element *y) {
  const int64_t bytes = s.blocks() * POINTS * DEPTH * 4; // of a tile
  const Parts shares(s.tiles(), std::max(MOST_ROWS, at::get_num_threads() * SHARED_BYTES / bytes / MOST_ROWS * MOST_ROWS));
  const Tensor shared = floats(s.blocks() * POINTS * (shares.each * DEPTH + SKEW));
  const int64_t panels = (s.outputs + PANEL - 1) / PANEL;
  for (int64_t share = 0; share < shares.parts(); ++share) {
    const Tiles tiles{shared.data_ptr<float>(), shares.begin(share), shares.size(share)};
    at::parallel_for(0, tiles.count, 4, [&](int64_t from, int64_t to) {
      for (int64_t tile = from; tile < to; ++tile)
        transform_tile(s, x, tiles, tile);
    });
    const Parts parts(tiles.count, MOST_ROWS);
    at::parallel_for(0, panels * parts.parts(), 1, [&](int64_t from, int64_t to) {
      const Scratch scratch(parts.each);
      for (int64_t i = from; i < to; ++i) {
        const int64_t panel = i / parts.parts(), part = i % parts.parts();
        task(s, tiles, parts.begin(part), parts.size(part), panel * PANEL, scratch, y);
      }
    });
  }
}

bool possible(const Tensor &x, const Tensor &weight, const Tensor *bias, const Tensor *other) {
  if (!has_avx512_bf16() || !is_bf16(x) || x.dim() != 4 || !is_bf16(weight) || weight.dim() != 4 || !weight.is_contiguous())
    return false;
  const int64_t outputs = weight.size(0), size[4] = {x.size(0), outputs, x.size(2), x.size(3)};
  return weight.size(1) == x.size(1) && weight.size(2) == 3 && weight.size(3) == 3 && is_bias(bias, outputs) &&
         (!other || (is_bf16(*other) && other->sizes() == at::IntArrayRef(size, 4)));
}

} // namespace
#endif

extern "C" {

// x [B, inputs, H, W], weight [outputs, inputs, 3, 3], bias [outputs] or null, other [B, outputs, H, W] or null, which is added
// → [B, outputs, H, W] with the channels innermost; a zero beyond each side; multiplied by `products`. out stays null where the
// processor, the dtype or the layout is not this kernel's.
int dk_wide_conv3x3([[maybe_unused]] const Tensor *x, [[maybe_unused]] const Tensor *weight, [[maybe_unused]] const Tensor *bias,
                    [[maybe_unused]] const Tensor *other, [[maybe_unused]] int products, Tensor **out) {
  return guarded([&] {
    *out = nullptr;
#ifdef DARKROOM_AVX512_BF16
    if (!possible(*x, *weight, bias, other))
      return;
    const auto format = at::MemoryFormat::ChannelsLast;
    const int64_t batch = x->size(0), height = x->size(2), width = x->size(3), inputs = x->size(1), outputs = weight->size(0);
    const auto ends = [&](auto convolve) {
      const Tensor pixels = x->contiguous(format), added = other ? other->contiguous(format) : Tensor();
      Tensor y = at::empty({batch, outputs, height, width}, x->options().memory_format(format));
      convolve(bits(pixels), other ? bits(added) : nullptr, bits_of(y));
      *out = new Tensor(std::move(y));
    };
    const Element *biases = bias ? bits(*bias) : nullptr;
    if (products == darkroom::FLOATS)
      ends([&](const Element *pixels, const Element *added, Element *y) {
        RECORD_FUNCTION("darkroom::wide_conv3x3", {});
        convolve({batch, height, width, inputs, outputs, bits(*weight), biases, added}, pixels, y);
      });
#ifdef DARKROOM_TILES
    if (products == darkroom::TILES && darkroom::tiles::has())
      ends([&](const Element *pixels, const Element *added, Element *y) {
        RECORD_FUNCTION("darkroom::tiled_conv3x3", {});
        darkroom::tiles::convolve3x3({inputs, outputs, 9, bits(*weight), biases}, pixels, batch, height, width, added, y);
      });
#endif
#endif
  });
}
}
