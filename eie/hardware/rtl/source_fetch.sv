// What pipelined non-zero detection keeps per PE: the address that the source registers are read at, the activation
// fetched ahead of its turn, and whether it still has to be sent.
//
// The PEs step to the next address together. Whether they do depends on the pending bits alone, not on what the tree
// finds, and the source of the next address is at hand when they do: act_rw.sv has taken it into a register, and reads
// the one after that. While idle, source 0 is taken over and over, so that a layer starts with it at hand.
//
//   sources 5 0 7:
//   cycle      0    1    2    3    4
//   start_i    1    0    0    0    0
//   step_i     -    1    1    1    1
//   addr_o     1    2    3    4    5
//   source_i   -    5    0    7    -
//   act_o      -    -    5    0    7
//   pending_o  -    0    1    0    1
`include "require.svh"

module source_fetch #(
  parameter int DATA_BITS = 16, /// bits of an activation
  parameter int REG_BITS = 6    /// bits of an address
) (
  input  logic                 clk_i,       /// clock
  input  logic                 start_i,     /// a layer begins, whose source 0 is being read
  input  logic                 step_i,      /// send the source at hand next, and read the one after the next
  input  logic                 live_i,      /// the source at hand belongs to the layer
  input  logic                 idle_i,      /// there is nothing to fetch
  input  logic                 sent_i,      /// the activation goes to the queues
  input  logic                 read_i,      /// input/output mode: fetch from one address, while idle
  input  logic                 mine_i,      /// input/output mode: this PE is read
  input  logic [REG_BITS-1:0]  read_addr_i, /// input/output mode: the address
  output logic [REG_BITS-1:0]  addr_o,      /// source to read in the next cycle
  output logic                 take_o,      /// let the source that is being read be at hand from the next cycle on
  input  logic [DATA_BITS-1:0] source_i,    /// the source at hand, if it is not 0
  input  logic                 non_zero_i,  /// it is not 0 after ReLU
  output logic                 pending_o,   /// there is an activation to send
  output logic [DATA_BITS-1:0] act_o        /// the activation
);

  `REQUIRE(REG_BITS >= 1, "REG_BITS must be 1 or more")

  logic [REG_BITS-1:0]  addr_d, addr_q;
  logic                 pending_d, pending_q;
  logic [DATA_BITS-1:0] act_q;

  always_comb begin
    addr_d = addr_q;
    if (step_i) addr_d = addr_q + 1'b1;
    if (idle_i) addr_d = read_i ? read_addr_i : '0;
    if (start_i) addr_d = REG_BITS'(1);
  end

  always_comb begin
    pending_d = pending_q && !sent_i;
    if (step_i) pending_d = non_zero_i && live_i;
    if (read_i) pending_d = non_zero_i && mine_i;
    if (start_i) pending_d = 1'b0;
  end

  always_ff @(posedge clk_i) begin
    addr_q <= addr_d;
    pending_q <= pending_d;
    if (step_i || read_i) act_q <= source_i;
  end

  assign addr_o = addr_d;
  assign take_o = step_i || idle_i;
  assign pending_o = pending_q;
  assign act_o = act_q;

endmodule
