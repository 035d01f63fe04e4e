// The pipelined machine behind 40 pins, as it goes onto an FPGA: a host writes one 16-bit register per cycle.
//
//   register  bits          meaning
//   0..3      15:0          word of input/output mode, its lowest bits in register 0; a write to register 0 stores it
//   4         15:0          address that the next word goes to
//   5         10:8, 5:0     memory (see pe.sv; 5: read sources), and PE
//   8         15, 12:0      send a 1.0 after the inputs; source addresses to scan
//   9         15:0          1.0 in the format of the activations
//   10        15:0          column of activation 0
//   11        15:0          column of the bias
//   12        15, 5:0       read negative sources as 0; places by which products are shifted right
//   13        3:0           pulses: clear the accumulators, clear the sources, swap, start
//
// After a word the place moves on: for sources and accumulators to the next PE, and after the last PE to the next
// address; for all else to the next address. All pins are registered. While reading, a write to register 0 moves the
// place on, and data_o shows the source eight cycles after a place is set.
//
//   784 pixels into the sources:   0 -> register 4, 0 -> register 5, then 784 writes to register 0
`include "require.svh"

module fpga_host #(
  parameter int N = 16,                                  /// processing elements, 1..64
  parameter int DEPTH = 8,                               /// slots of a queue's ring
  parameter int ENTRIES = 8,                             /// entries per row of the sparse-matrix SRAM
  parameter int CODE_BITS = 4,                           /// bits of a code
  parameter int INDEX_BITS = 4,                          /// bits of a relative index
  parameter int DATA_BITS = 16,                          /// bits of a weight, activation and accumulator, 2..16
  parameter int ROW_BITS = 8,                            /// bits of the address of a sparse-matrix row
  parameter int COLUMN_BITS = 11,                        /// bits of a column's number
  parameter int REG_BITS = 6,                            /// bits of an activation register's address
  parameter int IO_ADDR_BITS = 11,                       /// bits of an address of input/output mode
  parameter int IO_WIDTH = 64,                           /// bits of a word of input/output mode, at most 64
  parameter int PIPELINED = 1                            /// short paths, see eie_top.sv
) (
  input  logic        clk_i,   /// clock
  input  logic        rst_ni,  /// reset, active low, taken at the clock edge
  input  logic        write_i, /// write a register
  input  logic [3:0]  addr_i,  /// which
  input  logic [15:0] data_i,  /// its new value
  output logic [15:0] data_o,  /// source at the place
  output logic        busy_o   /// a layer is running
);

  `REQUIRE(DATA_BITS <= 16 && IO_WIDTH <= 64, "DATA_BITS must be 16 or less and IO_WIDTH 64 or less")
  `REQUIRE(REG_BITS <= 12 && COLUMN_BITS <= 16, "REG_BITS must be 12 or less and COLUMN_BITS 16 or less")

  localparam int BankBits = N > 1 ? $clog2(N) : 1;
  localparam int PlacesBits = $clog2(2*DATA_BITS);

  // The pins' registers.
  logic        rst_nq, write_q, busy_q;
  logic [3:0]  addr_q;
  logic [15:0] data_q, out_q;

  // What the host sets.
  logic [63:0]             word_q;
  logic [IO_ADDR_BITS-1:0] at_q;
  logic [2:0]              target_q;
  logic [BankBits-1:0]     pe_q;
  logic                    has_bias_q, relu_q;
  logic [REG_BITS:0]       addresses_q;
  logic [DATA_BITS-1:0]    one_q;
  logic [COLUMN_BITS-1:0]  first_column_q, bias_column_q;
  logic [PlacesBits-1:0]   places_q;
  logic [3:0]              pulses_q;
  logic                    store_q, start_q, last_pe, spread;
  logic                    scanning, busy;
  logic [DATA_BITS-1:0]    source;

  assign last_pe = pe_q == BankBits'(N - 1);
  assign spread = target_q[2:1] == 2'd0 || target_q == 3'd5;

  always_ff @(posedge clk_i) begin
    rst_nq <= rst_ni;
    addr_q <= addr_i;
    data_q <= data_i;
    out_q <= 16'($signed(source));
    busy_q <= scanning || busy;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_nq) begin
      write_q <= 1'b0;
      store_q <= 1'b0;
      pulses_q <= '0;
      start_q <= 1'b0;
    end else begin
      write_q <= write_i;
      store_q <= write_q && addr_q == 4'd0;
      pulses_q <= write_q && addr_q == 4'd13 ? data_q[3:0] : '0;
      start_q <= pulses_q[3];  // what was written in the cycle before has taken effect by then
    end
  end

  always_ff @(posedge clk_i) begin
    if (store_q) begin
      if (spread) pe_q <= last_pe ? '0 : pe_q + 1'b1;
      if (!spread || last_pe) at_q <= at_q + 1'b1;
    end
    if (write_q) begin
      if (addr_q[3:2] == 2'd0) word_q[addr_q[1:0]*16 +: 16] <= data_q;
      if (addr_q == 4'd4) at_q <= data_q[IO_ADDR_BITS-1:0];
      if (addr_q == 4'd5) {target_q, pe_q} <= {data_q[10:8], data_q[BankBits-1:0]};
      if (addr_q == 4'd8) {has_bias_q, addresses_q} <= {data_q[15], data_q[REG_BITS:0]};
      if (addr_q == 4'd9) one_q <= data_q[DATA_BITS-1:0];
      if (addr_q == 4'd10) first_column_q <= data_q[COLUMN_BITS-1:0];
      if (addr_q == 4'd11) bias_column_q <= data_q[COLUMN_BITS-1:0];
      if (addr_q == 4'd12) {relu_q, places_q} <= {data_q[15], data_q[PlacesBits-1:0]};
    end
  end

  eie_top #(
    .N           (N),
    .DEPTH       (DEPTH),
    .ENTRIES     (ENTRIES),
    .CODE_BITS   (CODE_BITS),
    .INDEX_BITS  (INDEX_BITS),
    .DATA_BITS   (DATA_BITS),
    .ROW_BITS    (ROW_BITS),
    .COLUMN_BITS (COLUMN_BITS),
    .REG_BITS    (REG_BITS),
    .IO_ADDR_BITS(IO_ADDR_BITS),
    .IO_WIDTH    (IO_WIDTH),
    .PIPELINED   (PIPELINED)
  ) u_top (
    .clk_i,
    .rst_ni        (rst_nq),
    .start_i       (start_q),
    .swap_i        (pulses_q[2]),
    .clear_src_i   (pulses_q[1]),
    .clear_dst_i   (pulses_q[0]),
    .addresses_i   (addresses_q),
    .has_bias_i    (has_bias_q),
    .one_i         (one_q),
    .first_column_i(first_column_q),
    .bias_column_i (bias_column_q),
    .places_i      (places_q),
    .relu_i        (relu_q),
    .io_write_i    (store_q && target_q != 3'd5),
    .io_target_i   (target_q),
    .io_pe_i       (pe_q),
    .io_addr_i     (at_q),
    .io_data_i     (word_q[IO_WIDTH-1:0]),
    .read_i        (target_q == 3'd5),
    .data_o        (source),
    .scanning_o    (scanning),
    .busy_o        (busy),
    /* verilator lint_off PINCONNECTEMPTY */  // events are for a testbench
    .push_o        (),
    .ptr_read_o    (),
    .row_read_o    (),
    .mac_o         (),
    .padding_o     (),
    .saturated_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  assign data_o = out_q;
  assign busy_o = busy_q;

endmodule
