// A register file of activations: one read and one write per cycle, and all of it cleared in one.
//
// Clearing takes a bit per register that says whether it has been written since. That bit is a port of its own, since
// finding it among all takes longer than reading the register.
//
//   clear_i, then write 7 to register 2:   rdata_o = 7 and written_o = 1 at raddr_i = 2, written_o = 0 elsewhere
`include "require.svh"

module reg_file #(
  parameter int DATA_BITS = 16, /// bits of a register
  parameter int REG_BITS = 6    /// bits of an address; there are 2**REG_BITS registers
) (
  input  logic                 clk_i,     /// clock
  input  logic                 rst_ni,    /// reset, active low, taken at the clock edge; clears
  input  logic                 clear_i,   /// let every register read as 0
  input  logic [REG_BITS-1:0]  raddr_i,   /// register to read
  output logic [DATA_BITS-1:0] rdata_o,   /// its value, in the same cycle, if it has been written
  output logic                 written_o, /// it has been written since it was cleared; if not, it reads as 0
  input  logic                 write_i,   /// write a register
  input  logic [REG_BITS-1:0]  waddr_i,   /// which
  input  logic [DATA_BITS-1:0] wdata_i    /// its new value
);

  `REQUIRE(REG_BITS >= 1, "REG_BITS must be 1 or more")

  logic [DATA_BITS-1:0]   regs [2**REG_BITS];
  logic [2**REG_BITS-1:0] written_d, written_q;

  assign rdata_o = regs[raddr_i];
  assign written_o = written_q[raddr_i];

  always_comb begin
    written_d = clear_i ? '0 : written_q;
    if (write_i) written_d[waddr_i] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) written_q <= '0;
    else written_q <= written_d;
  end

  always_ff @(posedge clk_i) begin
    if (write_i) regs[waddr_i] <= wdata_i;
  end

endmodule
