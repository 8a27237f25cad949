// Layers of bf16 by tiles, the weight read where its file has it; sums in f32, rounded once.
#pragma once

#include "tiles.h"

#ifdef DARKROOM_TILES
namespace darkroom::tiles {

// weight [outputs, inputs, taps], a tap innermost; bias [outputs] or null.
struct Layer {
  int64_t inputs, outputs, taps;
  const Element *weight, *bias;
  int64_t steps() const { return (inputs + DEEP - 1) / DEEP; }
  int64_t padded() const { return steps() * DEEP; }
  int64_t panels() const { return (outputs + OUTPUTS - 1) / OUTPUTS; }
  int64_t panel() const { return taps * steps() * STEP; }
};

// x [rows, inputs] → y [rows, outputs]; `other` of y's size is added, or null.
void linear(const Layer &layer, const Element *x, int64_t rows, const Element *other, Element *y);

// x [batch, height, width, inputs] → y [batch, height, width, outputs] with a zero beyond each side; layer.taps is 9.
void convolve3x3(const Layer &layer, const Element *x, int64_t batch, int64_t height, int64_t width, const Element *other, Element *y);

} // namespace darkroom::tiles
#endif
