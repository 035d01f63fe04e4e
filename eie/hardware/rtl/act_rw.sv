// The activation read/write unit: a source and a destination register file, which swap their roles from layer to layer
// (ISCA 2016, section IV).
//
// The source gives the activation that the leading non-zero detection looks at, after the ReLU. The destination holds
// the accumulators. A read sees a value that is written in the same cycle.
//
//   role_i = 0: file A is the source, file B the destination;   role_i = 1: the other way round
//   relu_i = 1, source register = -5:   non_zero_o = 0
`include "require.svh"

module act_rw #(
  parameter int DATA_BITS = 16, /// bits of a register
  parameter int REG_BITS = 6,   /// bits of an address; each file has 2**REG_BITS registers
  parameter int PIPELINED = 0   /// registers before the addresses and the clearing of each file, and behind the source
) (
  input  logic                 clk_i,       /// clock
  input  logic                 rst_ni,      /// reset, active low, taken at the clock edge
  input  logic                 role_i,      /// which file is the source
  input  logic                 relu_i,      /// read negative sources as 0
  input  logic                 clear_src_i, /// let every source read as 0
  input  logic                 clear_dst_i, /// let every accumulator read as 0
  input  logic [REG_BITS-1:0]  src_addr_i,  /// source to read; PIPELINED: in the next cycle
  /* verilator lint_off UNUSEDSIGNAL */  // needed where PIPELINED
  input  logic                 take_i,      /// PIPELINED: act_o shows what is read now from the next cycle on
  /* verilator lint_on UNUSEDSIGNAL */
  output logic [DATA_BITS-1:0] act_o,       /// its value, if it is not 0
  output logic                 non_zero_o,  /// it is not 0 after ReLU
  input  logic [REG_BITS-1:0]  raddr_i,     /// accumulator to read; PIPELINED: in the next cycle
  output logic [DATA_BITS-1:0] rdata_o,     /// its value, unless it is 0 for being cleared
  output logic                 cleared_o,   /// it is
  input  logic                 write_i,     /// write an accumulator
  input  logic [REG_BITS-1:0]  waddr_i,     /// which
  input  logic [DATA_BITS-1:0] wdata_i,     /// its new value
  input  logic                 io_src_i,    /// input/output mode: write a source
  input  logic                 io_dst_i,    /// input/output mode: write an accumulator
  input  logic [REG_BITS-1:0]  io_addr_i,   /// which
  input  logic [DATA_BITS-1:0] io_data_i    /// its new value
);

  `REQUIRE(DATA_BITS >= 2, "DATA_BITS must be 2 or more")

  logic [DATA_BITS-1:0] rdata_a, rdata_b, source_d, source, stored, dst_wdata;
  logic                 written_a, written_b, source_written_d, source_written, stored_written, through;
  logic                 clear_a_d, clear_b_d, clear_a, clear_b;
  logic [REG_BITS-1:0]  dst_waddr, raddr, raddr_a, raddr_b;
  logic                 dst_write;

  // The accumulators are idle while input/output mode sets their start values.
  assign dst_write = write_i || io_dst_i;
  assign dst_waddr = io_dst_i ? io_addr_i : waddr_i;
  assign dst_wdata = io_dst_i ? io_data_i : wdata_i;

  assign clear_a_d = role_i ? clear_dst_i : clear_src_i;
  assign clear_b_d = role_i ? clear_src_i : clear_dst_i;

  if (PIPELINED != 0) begin : g_ahead
    logic [REG_BITS-1:0]  raddr_q, raddr_a_q, raddr_b_q;
    logic [DATA_BITS-1:0] source_q;
    logic                 source_written_q, clear_a_q, clear_b_q;

    assign {raddr, raddr_a, raddr_b} = {raddr_q, raddr_a_q, raddr_b_q};
    assign {source, source_written} = {source_q, source_written_q};
    assign {clear_a, clear_b} = {clear_a_q, clear_b_q};

    always_ff @(posedge clk_i) begin
      raddr_q <= raddr_i;
      raddr_a_q <= role_i ? raddr_i : src_addr_i;
      raddr_b_q <= role_i ? src_addr_i : raddr_i;
      if (take_i) {source_q, source_written_q} <= {source_d, source_written_d};
    end

    // A copy per PE, since the way from one register to all PEs is long.
    (* keep *) always_ff @(posedge clk_i) begin
      clear_a_q <= clear_a_d;
      clear_b_q <= clear_b_d;
    end
  end else begin : g_now
    assign raddr = raddr_i;
    assign raddr_a = role_i ? raddr_i : src_addr_i;
    assign raddr_b = role_i ? src_addr_i : raddr_i;
    assign {source, source_written} = {source_d, source_written_d};
    assign {clear_a, clear_b} = {clear_a_d, clear_b_d};
  end

  reg_file #(
    .DATA_BITS(DATA_BITS),
    .REG_BITS (REG_BITS)
  ) u_a (
    .clk_i,
    .rst_ni,
    .clear_i  (clear_a),
    .raddr_i  (raddr_a),
    .rdata_o  (rdata_a),
    .written_o(written_a),
    .write_i  (role_i ? dst_write : io_src_i),
    .waddr_i  (role_i ? dst_waddr : io_addr_i),
    .wdata_i  (role_i ? dst_wdata : io_data_i)
  );

  reg_file #(
    .DATA_BITS(DATA_BITS),
    .REG_BITS (REG_BITS)
  ) u_b (
    .clk_i,
    .rst_ni,
    .clear_i  (clear_b),
    .raddr_i  (raddr_b),
    .rdata_o  (rdata_b),
    .written_o(written_b),
    .write_i  (role_i ? io_src_i : dst_write),
    .waddr_i  (role_i ? io_addr_i : dst_waddr),
    .wdata_i  (role_i ? io_data_i : dst_wdata)
  );

  assign source_d = role_i ? rdata_b : rdata_a;
  assign stored = role_i ? rdata_a : rdata_b;
  assign source_written_d = role_i ? written_b : written_a;
  assign stored_written = role_i ? written_a : written_b;

  // Values do not wait for whether they have been written, which takes longer to find.
  assign act_o = source;
  assign non_zero_o = source_written && !(relu_i && source[DATA_BITS-1]) && source != '0;

  assign through = write_i && waddr_i == raddr;
  assign rdata_o = through ? wdata_i : stored;
  assign cleared_o = !through && !stored_written;

endmodule
