// The activation queue in front of a PE: a ring buffer of (column, activation), which is full when one slot is left.
//
// It has no counter: equal pointers mean empty, so a write pointer just behind the read pointer has to mean full.
// Beside its head, the queue gives the column that will be the head after the next pop, or the arriving column, so that
// the pointer SRAM can be read one cycle ahead. It also tells one cycle ahead whether it will be full, and whether it
// will be full if something arrives. These are two signals, so that neither has to wait for push_i.
//
//   DEPTH = 3      cycle   0    1    2    3
//   push_i, column_i       4    6    -    -
//   pop_i                  0    0    1    1
//   valid_o                0    1    1    1
//   full_o                 0    0    1    0
//   next_almost_o          0    1    0    0
//   next_full_o            0    0    0    0
//   next_column_o          4    6    6    -
`include "require.svh"

module act_queue #(
  parameter int DEPTH = 8,        /// slots of the ring, of which DEPTH - 1 are used
  parameter int COLUMN_BITS = 14, /// bits of a column's number
  parameter int DATA_BITS = 16,   /// bits of an activation
  parameter int PIPELINED = 0     /// say ahead whether it will be full
) (
  input  logic                   clk_i,         /// clock
  input  logic                   rst_ni,        /// reset, active low, taken at the clock edge
  input  logic                   push_i,        /// a broadcast arrives; not while full
  input  logic [COLUMN_BITS-1:0] column_i,      /// its column
  input  logic [DATA_BITS-1:0]   act_i,         /// its activation
  input  logic                   pop_i,         /// the head is taken; not while empty
  output logic                   valid_o,       /// there is a head
  output logic                   full_o,        /// no room for another broadcast
  output logic                   next_full_o,   /// PIPELINED: none in the next cycle either
  output logic                   next_almost_o, /// PIPELINED: none in the next cycle if something arrives now
  output logic [DATA_BITS-1:0]   act_o,         /// activation of the head
  output logic                   next_valid_o,  /// there is a head after this one, or one arriving
  output logic [COLUMN_BITS-1:0] next_column_o  /// its column
);

  `REQUIRE(DEPTH >= 2, "DEPTH must be 2 or more: a queue of depth 1 could never hold any")

  localparam int PtrBits = $clog2(DEPTH);

  logic [COLUMN_BITS-1:0] columns [DEPTH];
  logic [DATA_BITS-1:0]   acts [DEPTH];
  logic [PtrBits-1:0]     head_d, head_q, tail_d, tail_q, after_head, after_tail, after_next;
  logic                   one_left;

  assign after_head = head_q == PtrBits'(DEPTH - 1) ? '0 : head_q + 1'b1;
  assign after_tail = tail_q == PtrBits'(DEPTH - 1) ? '0 : tail_q + 1'b1;
  assign after_next = after_tail == PtrBits'(DEPTH - 1) ? '0 : after_tail + 1'b1;
  assign head_d = pop_i ? after_head : head_q;
  assign tail_d = push_i ? after_tail : tail_q;

  assign valid_o = head_q != tail_q;
  assign full_o = after_tail == head_q;
  assign next_full_o = PIPELINED != 0 && !pop_i && full_o;
  assign next_almost_o = PIPELINED != 0 && !pop_i && after_next == head_q;
  assign act_o = acts[head_q];

  assign one_left = after_head == tail_q;
  assign next_valid_o = push_i || (valid_o && !one_left);
  assign next_column_o = !valid_o || one_left ? column_i : columns[after_head];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q <= '0;
      tail_q <= '0;
    end else begin
      head_q <= head_d;
      tail_q <= tail_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (push_i) begin
      columns[tail_q] <= column_i;
      acts[tail_q] <= act_i;
    end
  end

endmodule
