// A linear layer and a 3×3 convolution as products by tiles. A convolution is nine products of the same rows, each begun a
// shift further: its rows are the pixels of the picture with a zero around it, one after the other, so that a shift is a
// number of rows; what comes out at the zeros is dropped.
// A row's sums are added up in one order, whatever thread or band it falls to, alone or in a batch.
#include "tiled.h"

#ifdef DARKROOM_TILES
#include "wide.h"

namespace darkroom::tiles {
namespace {

constexpr int64_t PANEL_BYTES = 1 << 19; // of turned weights of a task: they stay in the second cache
constexpr int64_t BAND_BYTES = 8 << 20;  // of padded pixels, a thread
constexpr int64_t TAPS = 9;
constexpr int64_t FEW_BLOCKS = 64; // of rows in a task, where there are more: turning a panel takes as long as a few of them
constexpr int64_t RUN = 8;         // blocks of rows whose sums are kept at once
constexpr int64_t CHUNK = 12;      // steps of a panel that stay in the first cache while a run's rows pass
constexpr int64_t SUMS = ROWS * OUTPUTS;

// Rows in blocks of ROWS: those before `full` lie one after the other, the others in memory of their own.
struct Blocks {
  const Element *main, *tail;
  int64_t count, full, stride;
  const Element *at(int64_t block) const {
    return block < full ? main + block * ROWS * stride : tail + (block - full) * ROWS * stride;
  }
};

// Where the sums of a row go: every row to its own, or, of a band of pictures with a zero around them, those of pixels.
struct Places {
  int64_t rows;
  int64_t width = 0, height = 0;     // of the band; no band where 0
  int64_t top = 0, full_height = 0;  // where the band begins in its picture, and the picture's height

  // The places of ROWS rows from `row` on; −1 where there is none.
  void of(int64_t row, int64_t *to) const {
    if (width == 0) {
      for (int64_t i = 0; i < ROWS; ++i)
        to[i] = row + i < rows ? row + i : -1;
      return;
    }
    const int64_t line = width + 2, lines = height + 2;
    int64_t across = row % line, down = row / line % lines, picture = row / (line * lines);
    for (int64_t i = 0; i < ROWS; ++i) {
      const bool inside = across < width && down < height && row + i < rows;
      to[i] = inside ? (picture * full_height + top + down) * width + across : -1;
      if (++across == line) {
        across = 0;
        if (++down == lines) {
          down = 0;
          ++picture;
        }
      }
    }
  }
};

// What a task needs for itself.
struct Scratch {
  at::Tensor memory, floats;
  Element *taps, *panels;
  float *sums;
  int64_t places[RUN][ROWS];
  int64_t group = -1; // whose panels are turned already
  explicit Scratch(const Layer &s, int64_t group)
      : memory(at::empty({TAPS * SIDE * DEEP + group * s.panel()}, at::kBFloat16)), floats(darkroom::floats(RUN * SUMS)),
        taps(bits_of(memory)), panels(taps + TAPS * SIDE * DEEP), sums(floats.data_ptr<float>()) {}
};

// Which numbers of 9·32 that lie tap by tap for each input are those of a tap: (9·c + tap) of vector (9·c + tap) / 32.
struct Sieve {
  alignas(64) uint16_t place[TAPS][DEEP];
  uint32_t mask[TAPS][TAPS] = {};
  Sieve() {
    for (int64_t tap = 0; tap < TAPS; ++tap)
      for (int64_t c = 0; c < DEEP; ++c) {
        const int64_t from = TAPS * c + tap;
        place[tap][c] = static_cast<uint16_t>(from % DEEP);
        mask[tap][from / DEEP] |= 1u << c;
      }
  }
};

const Sieve SIEVE;

// [inputs ≤ 32][9] of one output → to[tap·stride + input], zeros beyond what there is.
TARGET INLINE void part_taps(const Element *from, int64_t inputs, Element *to, int64_t stride) {
  __m512i numbers[TAPS];
  for (int64_t v = 0; v < TAPS; ++v) {
    const int64_t left = std::clamp<int64_t>(TAPS * inputs - v * DEEP, 0, DEEP);
    // The next inputs, which come when all outputs' turn is over. An address beyond the weights is no harm.
    _mm_prefetch(address(from, (TAPS + v) * DEEP), _MM_HINT_T1);
    numbers[v] = _mm512_maskz_loadu_epi16(left == DEEP ? ~0u : (1u << left) - 1, address(from, v * DEEP));
  }
  for (int64_t tap = 0; tap < TAPS; ++tap) {
    const __m512i place = _mm512_load_si512(SIEVE.place[tap]);
    __m512i found = _mm512_setzero_si512();
    for (int64_t v = 0; v < TAPS; ++v)
      found = _mm512_mask_permutexvar_epi16(found, SIEVE.mask[tap][v], place, numbers[v]);
    _mm512_storeu_si512(to + tap * stride, found);
  }
}

// Panel `panel` of the weights, in the order in which multiply reads it.
TARGET void turn_panel(const Layer &s, int64_t panel, Element *taps, Element *to) {
  const int64_t row = s.inputs * s.taps, steps = s.steps();
  for (int64_t half = 0; half < 2; ++half) {
    const int64_t output = panel * OUTPUTS + half * SIDE, outputs = std::clamp<int64_t>(s.outputs - output, 0, SIDE);
    const Element *from = s.weight + output * row;
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t input = step * DEEP, columns = std::min(DEEP, s.inputs - input);
      Element *first = to + step * STEP + half * (STEP / 2);
      if (s.taps == 1) {
        turn_pairs(from + input, row, outputs, columns, first);
        continue;
      }
      for (int64_t o = 0; o < outputs; ++o)
        part_taps(from + o * row + input * TAPS, columns, taps + o * DEEP, SIDE * DEEP);
      for (int64_t tap = 0; tap < TAPS; ++tap)
        turn_pairs(taps + tap * SIDE * DEEP, DEEP, outputs, DEEP, first + tap * steps * STEP);
    }
  }
}

// Brings where the sums of a block will belong near: they may be far from the processor.
void expect_block(const Layer &s, const int64_t *places, int64_t panel, const Element *y) {
  for (int64_t row = 0; row < ROWS; ++row)
    if (places[row] >= 0)
      __builtin_prefetch(y + places[row] * s.outputs + panel * OUTPUTS, 1);
}

// The sums of a block of rows and of a panel, to where they belong.
TARGET void finish_block(const Layer &s, const float *sums, const int64_t *places, int64_t panel, const Element *other, Element *y) {
  const int64_t o = panel * OUTPUTS, outputs = s.outputs - o;
  const auto vector = [](int64_t left) {
    return left >= LANES ? static_cast<__mmask16>(0xffff) : lanes(std::max<int64_t>(left, 0));
  };
  const __mmask16 first = vector(outputs), second = vector(outputs - LANES);
  const int64_t next = outputs > LANES ? LANES : 0; // where the second vector is, or something that its mask leaves alone
  const __m512 none = _mm512_setzero_ps();
  const __m512 bias = s.bias ? load(s.bias + o, first) : none, more = s.bias ? load(s.bias + o + next, second) : none;
  for (int64_t row = 0; row < ROWS; ++row) {
    if (places[row] < 0)
      continue;
    const int64_t at = places[row] * s.outputs + o;
    __m512 a = _mm512_add_ps(_mm512_loadu_ps(sums + row * OUTPUTS), bias);
    __m512 b = _mm512_add_ps(_mm512_loadu_ps(sums + row * OUTPUTS + LANES), more);
    if (other) {
      a = _mm512_add_ps(a, load(other + at, first));
      b = _mm512_add_ps(b, load(other + at + next, second));
    }
    if (outputs >= OUTPUTS) {
      _mm512_storeu_si512(y + at, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
    } else {
      store(y + at, a, first);
      store(y + at + next, b, second);
    }
  }
}

// A task: panels `first` to `first + count` of blocks `begin` to `end`.
void task(const Layer &s, const Blocks &blocks, const Places &places, const int64_t *shifts, int64_t begin, int64_t end, int64_t first,
          int64_t count, Scratch &w, const Element *other, Element *y) {
  if (w.group != first)
    for (int64_t p = 0; p < count; ++p)
      turn_panel(s, first + p, w.taps, w.panels + p * s.panel());
  w.group = first;
  // A convolution's rows are the same for all taps: they stay in the first cache themselves.
  const int64_t chunk = s.taps == 1 ? CHUNK : s.steps();
  for (int64_t run = begin; run < end; run += RUN) {
    const int64_t some = std::min(RUN, end - run);
    for (int64_t block = 0; block < some; ++block)
      places.of((run + block) * ROWS, w.places[block]);
    for (int64_t p = 0; p < count; ++p) {
      const Element *panel = w.panels + p * s.panel();
      for (int64_t step = 0; step < s.steps(); step += chunk) {
        const int64_t steps = std::min(chunk, s.steps() - step);
        for (int64_t block = 0; block < some; ++block) {
          if (step + steps == s.steps())
            expect_block(s, w.places[block], first + p, y);
          multiply({blocks.at(run + block) + step * DEEP, blocks.stride, steps}, shifts, s.taps, panel + step * STEP,
                   w.sums + block * SUMS, step > 0);
        }
      }
      for (int64_t block = 0; block < some; ++block)
        finish_block(s, w.sums + block * SUMS, w.places[block], first + p, other, y);
    }
  }
}

void multiply_all(const Layer &s, const Blocks &blocks, const Places &places, const int64_t *shifts, const Element *other, Element *y) {
  const int64_t tasks = 4 * at::get_num_threads();
  const int64_t parts = std::clamp<int64_t>(blocks.count / FEW_BLOCKS, 1, tasks);
  const int64_t groups = (tasks + parts - 1) / parts, fit = PANEL_BYTES / (s.panel() * 2);
  const Parts rows(blocks.count, (blocks.count + parts - 1) / parts);
  const Parts panels(s.panels(), std::max<int64_t>(1, std::min(fit, s.panels() / groups)));
  at::parallel_for(0, panels.parts() * rows.parts(), 1, [&](int64_t from, int64_t to) {
    const Whole whole;
    Scratch scratch(s, panels.each);
    for (int64_t i = from; i < to; ++i) {
      const int64_t group = i / rows.parts(), part = i % rows.parts(), begin = rows.begin(part);
      task(s, blocks, places, shifts, begin, begin + rows.size(part), panels.begin(group), panels.size(group), scratch, other, y);
    }
  });
}

at::Tensor numbers(int64_t count) { return at::empty({count}, at::kBFloat16); }

// `count` rows of `inputs` numbers, each to the width that tiles read, zeros beyond.
void pad_rows(const Layer &s, const Element *from, int64_t count, Element *to) {
  for (int64_t row = 0; row < count; ++row, from += s.inputs, to += s.padded())
    std::fill(std::copy_n(from, s.inputs, to), to + s.padded(), 0);
}

// A band of pictures with a zero around each: [pictures][height + 2][width + 2][padded], and ROWS rows that nobody needs.
struct Band {
  const Layer &s;
  const Element *x;
  int64_t full_height, width;
  int64_t picture, pictures, top, height;

  int64_t line() const { return (width + 2) * s.padded(); }
  int64_t lines() const { return pictures * (height + 2); }
  int64_t numbers() const { return lines() * line() + ROWS * s.padded(); }

  void fill(Element *to) const {
    at::parallel_for(0, lines(), 1, [&](int64_t from, int64_t end) {
      for (int64_t i = from; i < end; ++i)
        fill_line(i, to + i * line());
    });
    std::fill_n(to + lines() * line(), ROWS * s.padded(), 0);
  }

private:
  void fill_line(int64_t i, Element *to) const {
    const int64_t y = top + i % (height + 2) - 1;
    if (y < 0 || y >= full_height) {
      std::fill_n(to, line(), 0);
      return;
    }
    std::fill_n(to, s.padded(), 0);
    pad_rows(s, x + ((picture + i / (height + 2)) * full_height + y) * width * s.inputs, width, to + s.padded());
    std::fill_n(to + (width + 1) * s.padded(), s.padded(), 0);
  }
};

} // namespace

void linear(const Layer &s, const Element *x, int64_t rows, const Element *other, Element *y) {
  const int64_t shift = 0, whole = s.inputs == s.padded() ? rows / ROWS : 0, count = (rows + ROWS - 1) / ROWS;
  // The last rows, or all where their width is not the tiles'.
  at::Tensor tail = numbers((count - whole) * ROWS * s.padded());
  Element *to = bits_of(tail);
  const int64_t left = rows - whole * ROWS;
  at::parallel_for(0, left, ROWS, [&](int64_t from, int64_t end) {
    pad_rows(s, x + (whole * ROWS + from) * s.inputs, end - from, to + from * s.padded());
  });
  std::fill_n(to + left * s.padded(), ((count - whole) * ROWS - left) * s.padded(), 0);
  multiply_all(s, {x, to, count, whole, s.padded()}, {rows}, &shift, other, y);
}

void convolve3x3(const Layer &s, const Element *x, int64_t batch, int64_t height, int64_t width, const Element *other, Element *y) {
  const int64_t line = (width + 2) * s.padded() * 2, most = BAND_BYTES * at::get_num_threads();
  const bool together = batch * (height + 2) * line <= most;
  const int64_t pictures = together ? batch : 1, tall = together ? height : std::clamp<int64_t>(most / line - 2, 1, height);
  int64_t shifts[TAPS];
  for (int64_t tap = 0; tap < TAPS; ++tap)
    shifts[tap] = tap / 3 * (width + 2) + tap % 3;
  at::Tensor memory;
  for (int64_t picture = 0; picture < batch; picture += pictures)
    for (int64_t top = 0; top < height; top += tall) {
      const Band band{s, x, height, width, picture, pictures, top, std::min(tall, height - top)};
      if (!memory.defined())
        memory = numbers(band.numbers());
      band.fill(bits_of(memory));
      // The last line of the last picture ends the rows that are wanted.
      const int64_t rows = band.lines() * (width + 2) - 2 * (width + 2) - 2, first = picture * height * width * s.outputs;
      const int64_t count = (rows + ROWS - 1) / ROWS;
      multiply_all(s, {bits(memory), nullptr, count, count, s.padded()}, {rows, width, band.height, top, height}, shifts,
                   other ? other + first : nullptr, y + first);
    }
}

} // namespace darkroom::tiles
#endif
