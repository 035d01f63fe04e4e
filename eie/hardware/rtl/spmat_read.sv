// The sparse-matrix read unit: walks a column entry by entry, and reads an SRAM row only when it does not hold it.
//
// An entry passes three registers in this unit:
//   1. Spmat address: the SRAM's own address latch, enabled only when the row changes;
//   2. Spmat row: catches the SRAM's output;
//   3. entry: the (code, skip) pair picked from the row.
// A column without entries takes one cycle, as a bubble that moves through the same registers.
//
//   ENTRIES = 8, column of entries 6..8 (rows 0 and 1), row 0 held already:
//   cycle      0        1        2        3        4
//   at         6        7        8
//   SRAM                         read 1
//   entry_o                      -        6        7        (8 in cycle 5)
`include "require.svh"

module spmat_read #(
  parameter int ENTRIES = 8,                                   /// entries per row of the SRAM
  parameter int CODE_BITS = 4,                                 /// bits of a code
  parameter int INDEX_BITS = 4,                                /// bits of a relative index (skip)
  parameter int DATA_BITS = 16,                                /// bits of an activation
  parameter int ROW_BITS = 13,                                 /// bits of a row's address
  parameter int PIPELINED = 0,                                 /// find a column's end by more gates, in less time
  parameter int LANE_BITS = ENTRIES > 1 ? $clog2(ENTRIES) : 1, /// bits of an entry's place within its row
  parameter int ROW_WIDTH = ENTRIES * (CODE_BITS + INDEX_BITS) /// bits of a row
) (
  input  logic                          clk_i,      /// clock
  input  logic                          rst_ni,     /// reset, active low, taken at the clock edge
  input  logic                          start_i,    /// a layer begins: the held row is out of date
  input  logic                          push_i,     /// take a column; only while ready
  input  logic [ROW_BITS+LANE_BITS-1:0] first_i,    /// its first entry
  input  logic [ROW_BITS+LANE_BITS-1:0] stop_i,     /// one past its last entry
  input  logic [DATA_BITS-1:0]          act_i,      /// its activation
  output logic                          ready_o,    /// the last entry is issued, so the next column can follow
  output logic                          busy_o,     /// something is in this unit
  output logic                          row_read_o, /// a row is read in this cycle
  output logic                          slot_o,     /// an entry or a bubble leaves
  output logic                          entry_o,    /// it is an entry
  output logic                          first_o,    /// it opens a column
  output logic [CODE_BITS-1:0]          code_o,     /// its code
  output logic [INDEX_BITS-1:0]         skip_o,     /// zeros before it
  output logic [DATA_BITS-1:0]          act_o,      /// activation that it is multiplied by
  input  logic                          io_write_i, /// input/output mode: write a row
  input  logic [ROW_BITS-1:0]           io_addr_i,  /// which row
  input  logic [ROW_WIDTH-1:0]          io_data_i   /// its entries, the first in the lowest bits, {code, skip} each
);

  `REQUIRE(ENTRIES >= 1, "ENTRIES must be 1 or more")
  `REQUIRE(CODE_BITS >= 1 && CODE_BITS <= 8, "CODE_BITS must be 1..8")
  `REQUIRE(INDEX_BITS >= 1 && INDEX_BITS <= 8, "INDEX_BITS must be 1..8")

  localparam int EntryBits = CODE_BITS + INDEX_BITS;
  localparam int PtrBits = ROW_BITS + LANE_BITS;

  // The column at hand.
  logic                 active_d, active_q, opens_d, opens_q;
  logic [PtrBits-1:0]   at_d, at_q, after_at, stop_q;
  logic [ROW_BITS-1:0]  row;
  logic [LANE_BITS-1:0] lane;
  logic [DATA_BITS-1:0] act_q;
  logic                 issue;

  function automatic logic [PtrBits-1:0] after(input logic [PtrBits-1:0] at);
    logic last_lane;
    last_lane = at[LANE_BITS-1:0] == LANE_BITS'(ENTRIES - 1);
    after[PtrBits-1:LANE_BITS] = at[PtrBits-1:LANE_BITS] + ROW_BITS'(last_lane);
    after[LANE_BITS-1:0] = last_lane ? '0 : at[LANE_BITS-1:0] + 1'b1;
  endfunction

  // after(at) == stop. Where rows have a power of two of entries it is stop + ~at == 0, and a sum is 0 when each
  // pair of bits differs just if the pair below it is not 0 0: no carry has to run.
  function automatic logic is_after(input logic [PtrBits-1:0] at, input logic [PtrBits-1:0] stop);
    is_after = (stop ^ ~at) == ((stop | ~at) << 1);
    if (ENTRIES != 2 ** LANE_BITS) is_after = after(at) == stop;
  endfunction

  assign issue = active_q && at_q != stop_q;
  assign ready_o = !active_q || !issue || (PIPELINED != 0 ? is_after(at_q, stop_q) : after_at == stop_q);
  assign after_at = after(at_q);
  assign {row, lane} = at_q;

  always_comb begin
    active_d = push_i || (active_q && !ready_o);
    opens_d = push_i;
    at_d = push_i ? first_i : after_at;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) active_q <= 1'b0;
    else active_q <= active_d;
  end

  always_ff @(posedge clk_i) begin
    if (active_d) begin
      at_q <= at_d;
      opens_q <= opens_d;
    end
    if (push_i) begin
      stop_q <= stop_i;
      act_q <= act_i;
    end
  end

  // Register 1, Spmat address: the row's part of it is inside the SRAM.
  logic                 held_d, held_q;
  logic [ROW_BITS-1:0]  held_row_q;
  logic                 addr_slot_q, addr_entry_q, addr_first_q, addr_new_q;
  logic [LANE_BITS-1:0] addr_lane_q;
  logic [DATA_BITS-1:0] addr_act_q;
  logic [ROW_WIDTH-1:0] rdata;

  assign row_read_o = issue && !(held_q && held_row_q == row);
  assign held_d = (held_q || issue) && !start_i;

  sram #(
    .WIDTH    (ROW_WIDTH),
    .ADDR_BITS(ROW_BITS)
  ) u_sram (
    .clk_i,
    .en_i   (row_read_o || io_write_i),
    .we_i   (io_write_i),
    .addr_i (io_write_i ? io_addr_i : row),
    .wdata_i(io_data_i),
    .rdata_o(rdata)
  );

  // Register 2, Spmat row, and register 3, entry.
  logic                 row_slot_q, row_entry_q, row_first_q;
  logic [LANE_BITS-1:0] row_lane_q;
  logic [DATA_BITS-1:0] row_act_q;
  logic [ROW_WIDTH-1:0] row_data_q;
  logic                 slot_q, entry_q, first_q;
  logic [EntryBits-1:0] pair_d, pair_q;
  logic [DATA_BITS-1:0] entry_act_q;

  assign pair_d = row_data_q[row_lane_q*EntryBits +: EntryBits];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {held_q, addr_slot_q, addr_entry_q, row_slot_q, row_entry_q, slot_q, entry_q} <= '0;
    end else begin
      held_q <= held_d;
      {addr_slot_q, addr_entry_q} <= {active_q, issue};
      {row_slot_q, row_entry_q} <= {addr_slot_q, addr_entry_q};
      {slot_q, entry_q} <= {row_slot_q, row_entry_q};
    end
  end

  always_ff @(posedge clk_i) begin
    addr_new_q <= row_read_o;
    if (row_read_o) held_row_q <= row;
    if (issue) begin
      addr_first_q <= opens_q;
      addr_lane_q <= lane;
      addr_act_q <= act_q;
    end
    if (addr_new_q) row_data_q <= rdata;
    if (addr_entry_q) begin
      row_first_q <= addr_first_q;
      row_lane_q <= addr_lane_q;
      row_act_q <= addr_act_q;
    end
    if (row_entry_q) begin
      first_q <= row_first_q;
      pair_q <= pair_d;
      entry_act_q <= row_act_q;
    end
  end

  assign busy_o = active_q || addr_slot_q || row_slot_q || slot_q;
  assign slot_o = slot_q;
  assign entry_o = entry_q;
  assign first_o = first_q;
  assign {code_o, skip_o} = pair_q;
  assign act_o = entry_act_q;

endmodule
