// The central control unit with pipelined non-zero detection: it broadcasts what central_control.sv does, in the same
// turns, two cycles later.
//
// Three stages follow each other: the PEs fetch a source each (source_fetch.sv), the tree finds the first one that is
// pending, and a hold register broadcasts it. A turn without a broadcast passes through the stages, too, so that idle
// cycles stay where they are. All stages wait while the held activation meets a full queue.
//
//   N = 4, address 0 holds 0 5 0 6, address 1 holds 0 0 0 7, no queue full:
//   cycle      0        1        2        3        4
//   fetched    0 5 0 6  0 0 0 7
//   found               5        6        7
//   sent                         5 (1)    6 (3)    7 (7)
`include "require.svh"

module pipelined_control #(
  parameter int N = 64,                           /// processing elements
  parameter int DATA_BITS = 16,                   /// bits of an activation
  parameter int COLUMN_BITS = 14,                 /// bits of a column's number
  parameter int REG_BITS = 6,                     /// bits of a register's address
  parameter int BANK_BITS = N > 1 ? $clog2(N) : 1 /// bits of a PE's number
) (
  input  logic                   clk_i,          /// clock
  input  logic                   rst_ni,         /// reset, active low, taken at the clock edge
  input  logic                   start_i,        /// scan from the next cycle on
  input  logic [REG_BITS:0]      addresses_i,    /// addresses to scan: inputs divided by N, rounded up
  input  logic                   has_bias_i,     /// send a 1.0 after the inputs
  input  logic [DATA_BITS-1:0]   one_i,          /// 1.0 in the format of the activations
  input  logic [COLUMN_BITS-1:0] first_column_i, /// column of activation 0
  input  logic [COLUMN_BITS-1:0] bias_column_i,  /// column of the bias
  input  logic                   full_i,         /// some queue will be full in the next cycle
  input  logic                   almost_i,       /// some queue will if something is broadcast in this one
  input  logic [N-1:0]           pending_i,      /// PE p has an activation to send
  output logic                   step_o,         /// all PEs send the source at hand next
  output logic                   live_o,         /// it belongs to the layer
  output logic                   idle_o,         /// there are no sources left to fetch
  output logic [N-1:0]           sent_o,         /// the activation of PE p leaves for the hold register
  input  logic                   found_i,        /// the tree has found an activation
  input  logic [BANK_BITS-1:0]   found_bank_i,   /// its bank
  input  logic [DATA_BITS-1:0]   found_act_i,    /// its value
  output logic                   push_o,         /// broadcast in this cycle
  output logic [COLUMN_BITS-1:0] column_o,       /// column of the broadcast
  output logic [DATA_BITS-1:0]   act_o,          /// activation of the broadcast
  output logic [DATA_BITS-1:0]   data_o,         /// input/output mode: what was found; 0 if nothing was
  output logic                   scanning_o      /// there are addresses left to look at
);

  `REQUIRE(N >= 1 && N <= 64, "N must be 1..64")

  logic advance, more;
  logic full_d, full_q;

  // Stage 1: the addresses that are left to fetch; after them the bias's 1.0, which no PE has.
  logic                   fetch_d, fetch_q, live_d, live_q;
  logic [REG_BITS:0]      left_d, left_q;
  logic [COLUMN_BITS-1:0] base_d, base_q;

  assign step_o = advance && !more;
  assign live_o = live_q;
  assign idle_o = !fetch_q;

  always_comb begin
    fetch_d = fetch_q;
    live_d = live_q;
    left_d = left_q;
    base_d = base_q;
    if (step_o) begin
      fetch_d = live_q && (left_q != (REG_BITS + 1)'(1) || has_bias_i);
      live_d = live_q && left_q != (REG_BITS + 1)'(1);
      left_d = left_q - 1'b1;
      base_d = base_q + COLUMN_BITS'(N);
    end
    if (start_i) begin
      fetch_d = 1'b1;
      live_d = 1'b1;
      left_d = addresses_i;
      base_d = first_column_i;
    end
  end

  // Stage 2: the tree. Going on to the next address costs a turn, unless only the last bank is pending.
  logic                   find_q, bias_q;
  logic [COLUMN_BITS-1:0] find_base_q;

  if (N == 1) begin : g_one
    assign more = 1'b0;
    assign sent_o = advance ? pending_i : '0;
  end else begin : g_several
    assign more = |pending_i[N-2:0];
    assign sent_o = advance ? pending_i & (~pending_i + 1'b1) : '0;
  end

  // Stage 3: hold.
  logic                   hold_q, held_d, held_q, found_q;
  logic [COLUMN_BITS-1:0] column_d, column_q;
  logic [DATA_BITS-1:0]   act_d, act_q;

  assign advance = !held_q || !full_q;
  assign held_d = find_q && (found_i || bias_q);
  assign column_d = bias_q ? bias_column_i : find_base_q + COLUMN_BITS'(found_bank_i);
  assign act_d = bias_q ? one_i : found_act_i;

  assign push_o = held_q && !full_q;
  assign full_d = full_i || (push_o && almost_i);
  assign column_o = column_q;
  assign act_o = act_q;
  assign data_o = found_q ? act_q : '0;
  assign scanning_o = fetch_q || find_q || hold_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {fetch_q, live_q, find_q, bias_q, hold_q, held_q, full_q} <= '0;
    end else begin
      fetch_q <= fetch_d;
      live_q <= live_d;
      full_q <= full_d;
      if (step_o) {find_q, bias_q} <= {fetch_q, fetch_q && !live_q};
      if (advance) {hold_q, held_q} <= {find_q, held_d};
    end
  end

  always_ff @(posedge clk_i) begin
    left_q <= left_d;
    base_q <= base_d;
    if (step_o) find_base_q <= base_q;
    if (advance) begin
      column_q <= column_d;
      act_q <= act_d;
      found_q <= found_i;
    end
  end

endmodule
