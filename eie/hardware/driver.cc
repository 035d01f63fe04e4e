// Drives one chip: what a testbench does, in the same file as the C++ that yosys makes of the RTL.
//
// The file of the design comes first, then generated lines: `kPes`, `kReadCycles`, which a read of a source takes,
// `kIdleCycles`, which a start leaves out, and `pes_of`, which gives the PEs of a top.

#include <cstdint>
#include <cstring>
#ifdef EIE_TRACE
#include <cxxrtl/cxxrtl_vcd.h>
#include <fstream>
#endif

namespace {

enum Target { kSources, kAccumulators, kPointers, kSpmat, kCodebook };
enum Pulse { kSwap, kClearSources, kClearAccumulators };

struct Counters {
  int64_t cycles, broadcasts, macs, padding, ptr_reads, spmat_reads, saturations;
};

using Top = cxxrtl_design::p_eie__top;
using cxxrtl::memory;
using cxxrtl::value;
using cxxrtl::wire;

// What a port of the top holds: yosys makes a plain value of some and a wire of others.
template <size_t Width>
const value<Width> &held(const value<Width> &port) { return port; }
template <size_t Width>
const value<Width> &held(const wire<Width> &port) { return port.curr; }

template <class Port>
int64_t count_ones(const Port &port) {
  int64_t ones = 0;
  for (uint32_t chunk : held(port).data) ones += __builtin_popcount(chunk);
  return ones;
}

template <class Port>
uint32_t number(const Port &port) { return held(port).data[0]; }

// Xorshift: memories start from random words, so that a missing reset or clear shows.
struct Random {
  uint32_t state;
  uint32_t next() {
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
  }
};

template <size_t Width>
void set_word(value<Width> &word, const uint32_t *chunks) {
  for (size_t k = 0; k < value<Width>::chunks; k++) word.data[k] = chunks[k];
  const size_t spare = value<Width>::chunks * 32 - Width;
  if (spare) word.data[value<Width>::chunks - 1] &= ~0u >> spare;
}

template <size_t Width>
void set_word(wire<Width> &port, const uint32_t *chunks) { set_word(port.next, chunks); }

template <size_t Width>
void randomise(memory<Width> &mem, Random &random) {
  uint32_t chunks[value<Width>::chunks];
  for (size_t word = 0; word < mem.depth; word++) {
    for (auto &chunk : chunks) chunk = random.next();
    set_word(mem.data[word], chunks);
  }
}

template <size_t Width>
void load(memory<Width> &mem, size_t first, size_t step, size_t count, const uint32_t *words) {
  for (size_t word = 0; word < count; word++) set_word(mem.data[first + word], words + word * step * value<Width>::chunks);
}

struct Chip {
  Top top;
#ifdef EIE_TRACE
  cxxrtl::vcd_writer vcd;
  std::ofstream file;
  uint64_t time = 0;
#endif

  void settle() { top.step(); }

  void edge() {
    top.p_clk__i.set(false);
    top.step();
#ifdef EIE_TRACE
    sample();
#endif
    top.p_clk__i.set(true);
    top.step();
#ifdef EIE_TRACE
    sample();
#endif
  }

#ifdef EIE_TRACE
  void open(const char *path, const char *unit_ps) {
    cxxrtl::debug_items items;
    top.debug_info(&items, nullptr, "eie_top ");
    vcd.timescale(1, "ps");
    vcd.add_without_memories(items);
    file.open(path);
    half_cycle = std::stoull(unit_ps);
  }

  void sample() {
    if (!file.is_open()) return;
    vcd.sample(time);
    time += half_cycle;
    file << vcd.buffer;
    vcd.buffer.clear();
  }

  uint64_t half_cycle = 1;
#endif

  void reset(uint32_t seed) {
    Random random{seed * 2654435761u + 1u};
    for (auto *pe : pes_of(top)) {
      randomise(pe->cell_p_u__ptr__read.cell_p_u__even.memory_p_mem, random);
      randomise(pe->cell_p_u__ptr__read.cell_p_u__odd.memory_p_mem, random);
      randomise(pe->cell_p_u__spmat__read.cell_p_u__sram.memory_p_mem, random);
      randomise(pe->cell_p_u__act__rw.cell_p_u__a.memory_p_regs, random);
      randomise(pe->cell_p_u__act__rw.cell_p_u__b.memory_p_regs, random);
      randomise(pe->cell_p_u__act__queue.memory_p_columns, random);
      randomise(pe->cell_p_u__act__queue.memory_p_acts, random);
    }
    top.p_rst__ni.set(false);
    edge();
    top.p_rst__ni.set(true);
  }
};

}  // namespace

extern "C" {

void *eie_new(uint32_t seed, const char *vcd, const char *half_cycle_ps) {
  Chip *chip = new Chip;
#ifdef EIE_TRACE
  if (*vcd) chip->open(vcd, half_cycle_ps);
#else
  (void)vcd, (void)half_cycle_ps;
#endif
  chip->reset(seed);
  return chip;
}

void eie_delete(void *handle) { delete static_cast<Chip *>(handle); }

// One write of input/output mode, as a host would do it. `words` holds all chunks of the widest word.
void eie_write(void *handle, uint32_t target, uint32_t pe, uint32_t address, const uint32_t *words) {
  Chip &chip = *static_cast<Chip *>(handle);
  chip.top.p_io__write__i.set(true);
  chip.top.p_io__target__i.set(target);
  chip.top.p_io__pe__i.set(pe);
  chip.top.p_io__addr__i.set(address);
  set_word(chip.top.p_io__data__i, words);
  chip.edge();
  chip.top.p_io__write__i.set(false);
}

// Words straight into a memory, as $readmemh does; the ports take a cycle for each.
void eie_load(void *handle, uint32_t target, uint32_t pe, uint32_t first, uint32_t count, const uint32_t *words) {
  Chip &chip = *static_cast<Chip *>(handle);
  auto *to = pes_of(chip.top)[pe];
  if (target == kSpmat) {
    load(to->cell_p_u__spmat__read.cell_p_u__sram.memory_p_mem, first, 1, count, words);
  } else {  // pointers, of one chunk each; `first` is even
    load(to->cell_p_u__ptr__read.cell_p_u__even.memory_p_mem, first / 2, 2, (count + 1) / 2, words);
    load(to->cell_p_u__ptr__read.cell_p_u__odd.memory_p_mem, first / 2, 2, count / 2, words + 1);
  }
}

void eie_pulse(void *handle, uint32_t which) {
  Chip &chip = *static_cast<Chip *>(handle);
  auto &top = chip.top;
  if (which == kSwap) top.p_swap__i.set(true);
  if (which == kClearSources) top.p_clear__src__i.set(true);
  if (which == kClearAccumulators) top.p_clear__dst__i.set(true);
  chip.edge();
  top.p_swap__i.set(false);
  top.p_clear__src__i.set(false);
  top.p_clear__dst__i.set(false);
}

// The settings of a layer, then its run. Returns -1 when it is not done after `most` cycles.
int eie_run(void *handle, const uint32_t *setting, int64_t most, Counters *found) {
  Chip &chip = *static_cast<Chip *>(handle);
  auto &top = chip.top;
  top.p_addresses__i.set(setting[0]);
  top.p_has__bias__i.set(setting[1]);
  top.p_one__i.set(setting[2]);
  top.p_first__column__i.set(setting[3]);
  top.p_bias__column__i.set(setting[4]);
  top.p_places__i.set(setting[5]);
  top.p_relu__i.set(setting[6]);
  for (unsigned cycle = 0; cycle < kIdleCycles; cycle++) chip.edge();
  top.p_start__i.set(true);
  chip.edge();
  top.p_start__i.set(false);
  chip.settle();
  Counters sum{};
  int64_t cycle = 0, last_busy = -1;
  for (;; cycle++) {
    const bool busy = number(top.p_busy__o);
    if (!busy && !number(top.p_scanning__o)) break;
    if (cycle == most) return -1;
    if (busy) last_busy = cycle;
    sum.broadcasts += number(top.p_push__o);
    sum.macs += count_ones(top.p_mac__o);
    sum.padding += count_ones(top.p_padding__o);
    sum.ptr_reads += count_ones(top.p_ptr__read__o);
    sum.spmat_reads += count_ones(top.p_row__read__o);
    sum.saturations += count_ones(top.p_saturated__o);
    chip.edge();
  }
  // The last result is in when no PE is busy; a search that found nothing ends with its last address.
  sum.cycles = sum.broadcasts ? last_busy + 1 : cycle;
  *found = sum;
  return 0;
}

// Sources of all PEs at addresses 0 to `addresses`, PE by PE at each; with or without ReLU.
void eie_read(void *handle, uint32_t addresses, uint32_t relu, uint32_t *values) {
  Chip &chip = *static_cast<Chip *>(handle);
  auto &top = chip.top;
  top.p_relu__i.set(relu);
  top.p_read__i.set(true);
  for (uint32_t address = 0; address < addresses; address++) {
    for (uint32_t pe = 0; pe < kPes; pe++) {
      top.p_io__addr__i.set(address);
      top.p_io__pe__i.set(pe);
      for (unsigned cycle = 0; cycle < kReadCycles; cycle++) chip.edge();
      chip.settle();
      *values++ = number(top.p_data__o);
    }
  }
  top.p_read__i.set(false);
}

}  // extern "C"
