// How a processor multiplies bf16. Every way sums up in f32.
#pragma once

namespace darkroom {

// Mirrored by `torch/wide.rs`.
enum Products : int {
  PAIRS = 0,  // VDPBF16PS, and what oneDNN has
  FLOATS = 1, // widened to f32, by FMA
  TILES = 2,  // AMX
};

} // namespace darkroom
