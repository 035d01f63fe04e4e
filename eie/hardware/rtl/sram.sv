// A single-port synchronous SRAM: one read or one write per cycle.
//
// The address is latched at the clock edge and the word stands at the output in the next cycle. The output is held
// until the next read, so a reader that stalls needs no register of its own.
//
//   cycle      0        1        2        3
//   en_i       1        0        1        0
//   addr_i     5        -        6        -
//   rdata_o    -      mem[5]   mem[5]   mem[6]
`include "require.svh"

module sram #(
  parameter int WIDTH = 64,    /// bits of a word
  parameter int ADDR_BITS = 13 /// bits of an address; the memory has 2**ADDR_BITS words
) (
  input  logic                 clk_i,   /// clock
  input  logic                 en_i,    /// read or write in this cycle
  input  logic                 we_i,    /// write, not read
  input  logic [ADDR_BITS-1:0] addr_i,  /// which word
  input  logic [WIDTH-1:0]     wdata_i, /// word to write
  output logic [WIDTH-1:0]     rdata_o  /// word of the latest read
);

  `REQUIRE(WIDTH >= 1 && ADDR_BITS >= 1, "WIDTH and ADDR_BITS must be 1 or more")

  logic [WIDTH-1:0] mem [2**ADDR_BITS];

  always_ff @(posedge clk_i) begin
    if (en_i && we_i) mem[addr_i] <= wdata_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i && !we_i) rdata_o <= mem[addr_i];
  end

endmodule
