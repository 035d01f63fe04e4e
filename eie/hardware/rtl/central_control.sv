// The central control unit (ISCA 2016, section IV): it walks the source registers address by address, and broadcasts
// one non-zero activation per cycle while no queue is full.
//
// Activation j sits in bank j % N (a PE) at address j / N. Going on to the next address costs a cycle, unless the
// latest broadcast came from the last bank. The bias's 1.0 follows the last address, as if it were alone in bank 0.
//
//   N = 4, address 0 holds 0 5 0 6, address 1 holds 0 0 0 7, no queue full:
//   cycle      0        1        2
//   sent       5 (1)    6 (3)    7 (7)          activation (column): no idle cycle after bank 3
`include "require.svh"

module central_control #(
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
  input  logic                   full_i,         /// some queue is full
  input  logic                   read_i,         /// input/output mode: select one activation, not the first non-zero
  input  logic [REG_BITS-1:0]    read_addr_i,    /// its address
  input  logic [BANK_BITS-1:0]   read_bank_i,    /// its bank
  output logic [REG_BITS-1:0]    addr_o,         /// address that all PEs read their source registers at
  output logic [BANK_BITS-1:0]   bank_o,         /// first bank to look at
  output logic                   exact_o,        /// look at that bank only
  input  logic                   found_i,        /// the tree has found a non-zero activation
  input  logic [BANK_BITS-1:0]   found_bank_i,   /// its bank
  input  logic [DATA_BITS-1:0]   found_act_i,    /// its value
  output logic                   push_o,         /// broadcast in this cycle
  output logic [COLUMN_BITS-1:0] column_o,       /// column of the broadcast
  output logic [DATA_BITS-1:0]   act_o,          /// activation of the broadcast
  output logic                   scanning_o      /// there are addresses left to look at
);

  `REQUIRE(N >= 1 && N <= 64, "N must be 1..64")

  logic                   scanning_d, scanning_q;
  logic [REG_BITS:0]      addr_d, addr_q;
  logic [BANK_BITS-1:0]   bank_d, bank_q;
  logic [COLUMN_BITS-1:0] base_d, base_q;  // column of bank 0 at this address; saves a multiplication by N
  logic                   at_bias, found, last_bank, step, last_step;
  logic [BANK_BITS-1:0]   found_bank;

  // What stands at this address, the bias's 1.0 included.
  assign at_bias = addr_q == addresses_i;
  assign found = at_bias ? bank_q == '0 : found_i;
  assign found_bank = at_bias ? '0 : found_bank_i;
  assign last_bank = found_bank == BANK_BITS'(N - 1);

  assign push_o = scanning_q && found && !full_i;
  assign column_o = at_bias ? bias_column_i : base_q + COLUMN_BITS'(found_bank_i);
  assign act_o = at_bias ? one_i : found_act_i;
  assign scanning_o = scanning_q;

  assign addr_o = read_i ? read_addr_i : addr_q[REG_BITS-1:0];
  assign bank_o = read_i ? read_bank_i : bank_q;
  assign exact_o = read_i;

  // Go on to the next address when this one has no non-zero left.
  assign step = scanning_q && (!found || (push_o && last_bank));
  assign last_step = addr_q + 1'b1 == addresses_i + (REG_BITS + 1)'(has_bias_i);

  always_comb begin
    scanning_d = scanning_q && !(step && last_step);
    addr_d = addr_q;
    bank_d = bank_q;
    base_d = base_q;
    if (step) begin
      addr_d = addr_q + 1'b1;
      bank_d = '0;
      base_d = base_q + COLUMN_BITS'(N);
    end else if (push_o) begin
      bank_d = found_bank + 1'b1;
    end
    if (start_i) begin
      scanning_d = 1'b1;
      addr_d = '0;
      bank_d = '0;
      base_d = first_column_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) scanning_q <= 1'b0;
    else scanning_q <= scanning_d;
  end

  always_ff @(posedge clk_i) begin
    addr_q <= addr_d;
    bank_q <= bank_d;
    base_q <= base_d;
  end

endmodule
