// The pointer read unit: where a column's entries start and stop in the sparse-matrix SRAM.
//
// Column j needs pointers j and j + 1. One of them is even and one is odd, so two banks give both in one cycle
// (ISCA 2016, section IV). A pointer is {row of the SRAM, entry within the row}.
//
//   column_i = 5, even bank = p0 p2 p4 p6, odd bank = p1 p3 p5 p7:   next cycle start_o = p5, stop_o = p6
`include "require.svh"

module ptr_read #(
  parameter int COLUMN_BITS = 14, /// bits of a column's number; the banks have 2**(COLUMN_BITS - 1) pointers each
  parameter int PTR_BITS = 16     /// bits of a pointer
) (
  input  logic                   clk_i,      /// clock
  input  logic                   read_i,     /// read the pointers of a column
  input  logic [COLUMN_BITS-1:0] column_i,   /// which column
  output logic [PTR_BITS-1:0]    start_o,    /// its first entry; held until the next read
  output logic [PTR_BITS-1:0]    stop_o,     /// one past its last entry; held until the next read
  input  logic                   io_write_i, /// input/output mode: write a pointer
  input  logic [COLUMN_BITS-1:0] io_addr_i,  /// which pointer
  input  logic [PTR_BITS-1:0]    io_data_i   /// its value
);

  `REQUIRE(COLUMN_BITS >= 2, "COLUMN_BITS must be 2 or more")

  logic                   odd_q;
  logic [COLUMN_BITS-2:0] even_addr, odd_addr;
  logic [PTR_BITS-1:0]    even, odd;

  // Pointer j + 1 of an odd column j is in the even bank, one address on.
  assign even_addr = io_write_i ? io_addr_i[COLUMN_BITS-1:1] :
                     column_i[COLUMN_BITS-1:1] + (COLUMN_BITS - 1)'(column_i[0]);
  assign odd_addr = io_write_i ? io_addr_i[COLUMN_BITS-1:1] : column_i[COLUMN_BITS-1:1];

  sram #(
    .WIDTH    (PTR_BITS),
    .ADDR_BITS(COLUMN_BITS - 1)
  ) u_even (
    .clk_i,
    .en_i   (io_write_i ? !io_addr_i[0] : read_i),
    .we_i   (io_write_i),
    .addr_i (even_addr),
    .wdata_i(io_data_i),
    .rdata_o(even)
  );

  sram #(
    .WIDTH    (PTR_BITS),
    .ADDR_BITS(COLUMN_BITS - 1)
  ) u_odd (
    .clk_i,
    .en_i   (io_write_i ? io_addr_i[0] : read_i),
    .we_i   (io_write_i),
    .addr_i (odd_addr),
    .wdata_i(io_data_i),
    .rdata_o(odd)
  );

  always_ff @(posedge clk_i) begin
    if (read_i) odd_q <= column_i[0];
  end

  assign start_o = odd_q ? odd : even;
  assign stop_o = odd_q ? even : odd;

endmodule
