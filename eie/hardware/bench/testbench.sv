// Runs one layer from the files that eie.hardware.images writes, in any simulator that knows hierarchical names.
//
// It prints one line per counter and one per output, before ReLU. Start it in the folder of the files, with the
// parameters of the manifest, and its ports as plusargs: +addresses_i=4 +places_i=12 ...
module testbench #(
  parameter int N = 64,           /// processing elements
  parameter int DEPTH = 8,        /// slots of a queue's ring
  parameter int ENTRIES = 8,      /// entries per row of the sparse-matrix SRAM
  parameter int CODE_BITS = 4,    /// bits of a code
  parameter int INDEX_BITS = 4,   /// bits of a relative index
  parameter int DATA_BITS = 16,   /// bits of a weight, activation and accumulator
  parameter int ROW_BITS = 13,    /// bits of the address of a sparse-matrix row
  parameter int COLUMN_BITS = 14, /// bits of a column's number
  parameter int REG_BITS = 6,     /// bits of an activation register's address
  parameter int IO_ADDR_BITS = 14, /// bits of an address of input/output mode
  parameter int IO_WIDTH = 64,    /// bits of a word of input/output mode
  parameter int PIPELINED = 0     /// short paths; two more cycles per layer
);

  localparam int BankBits = N > 1 ? $clog2(N) : 1;
  localparam int Most = N * 2 ** REG_BITS;

  logic                        clk = 1'b0;
  logic                        rst_n = 1'b0;
  logic                        start = 1'b0, swap = 1'b0, io_write = 1'b0, read = 1'b0;
  logic [REG_BITS:0]           addresses;
  logic                        has_bias;
  logic [DATA_BITS-1:0]        one, data;
  logic [COLUMN_BITS-1:0]      first_column, bias_column;
  logic [$clog2(2*DATA_BITS)-1:0] places;
  logic [BankBits-1:0]         io_pe;
  logic [IO_ADDR_BITS-1:0]     io_addr;
  logic [IO_WIDTH-1:0]         io_data;
  logic                        scanning, busy, push;
  logic [N-1:0]                ptr_read, row_read, mac, padding, saturated;
  logic [DATA_BITS-1:0]        inputs [Most];

  integer n_in, n_out, value, i, cycle, last_busy;
  integer broadcasts, macs, paddings, ptr_reads, row_reads, saturations;

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
  ) dut (
    .clk_i         (clk),
    .rst_ni        (rst_n),
    .start_i       (start),
    .swap_i        (swap),
    .clear_src_i   (1'b0),
    .clear_dst_i   (1'b0),
    .addresses_i   (addresses),
    .has_bias_i    (has_bias),
    .one_i         (one),
    .first_column_i(first_column),
    .bias_column_i (bias_column),
    .places_i      (places),
    .relu_i        (1'b0),
    .io_write_i    (io_write),
    .io_target_i   (3'd0),
    .io_pe_i       (io_pe),
    .io_addr_i     (io_addr),
    .io_data_i     (io_data),
    .read_i        (read),
    .data_o        (data),
    .scanning_o    (scanning),
    .busy_o        (busy),
    .push_o        (push),
    .ptr_read_o    (ptr_read),
    .row_read_o    (row_read),
    .mac_o         (mac),
    .padding_o     (padding),
    .saturated_o   (saturated)
  );

  for (genvar p = 0; p < N; p++) begin : g_load
    initial begin
      $readmemh($sformatf("pe%02d_spmat.hex", p), dut.g_pe[p].u_pe.u_spmat_read.u_sram.mem);
      $readmemh($sformatf("pe%02d_even.hex", p), dut.g_pe[p].u_pe.u_ptr_read.u_even.mem);
      $readmemh($sformatf("pe%02d_odd.hex", p), dut.g_pe[p].u_pe.u_ptr_read.u_odd.mem);
      $readmemh($sformatf("pe%02d_codebook.hex", p), dut.g_pe[p].u_pe.u_arithm_unit.codebook);
    end
  end

  function automatic integer ones(input logic [N-1:0] bits);
    ones = 0;
    for (int k = 0; k < N; k++) ones = ones + 32'(bits[k]);
  endfunction

  task automatic tick;
    #1 clk = 1'b1;
    #1 clk = 1'b0;
  endtask

  initial begin
    if (!$value$plusargs("n_in=%d", n_in)) $fatal(1, "+n_in is needed");
    if (!$value$plusargs("n_out=%d", n_out)) $fatal(1, "+n_out is needed");
    if (!$value$plusargs("addresses_i=%d", addresses)) $fatal(1, "+addresses_i is needed");
    if (!$value$plusargs("has_bias_i=%d", has_bias)) has_bias = 1'b0;
    if (!$value$plusargs("one_i=%d", one)) one = '0;
    if (!$value$plusargs("first_column_i=%d", first_column)) first_column = '0;
    if (!$value$plusargs("bias_column_i=%d", bias_column)) bias_column = '0;
    if (!$value$plusargs("places_i=%d", places)) $fatal(1, "+places_i is needed");
    $readmemh("inputs.hex", inputs);
    tick;
    rst_n = 1'b1;

    io_write = 1'b1;
    for (i = 0; i < n_in; i = i + 1) begin
      io_pe = BankBits'(i % N);
      io_addr = IO_ADDR_BITS'(i / N);
      io_data = IO_WIDTH'(inputs[i]);
      tick;
    end
    io_write = 1'b0;
    repeat (PIPELINED != 0 ? 1 : 0) tick;
    start = 1'b1;
    tick;
    start = 1'b0;

    {cycle, broadcasts, macs, paddings, ptr_reads, row_reads, saturations} = '0;
    last_busy = -1;
    #1;
    while (scanning !== 1'b0 || busy !== 1'b0) begin
      if (busy) last_busy = cycle;
      broadcasts = broadcasts + 32'(push);
      macs = macs + ones(mac);
      paddings = paddings + ones(padding);
      ptr_reads = ptr_reads + ones(ptr_read);
      row_reads = row_reads + ones(row_read);
      saturations = saturations + ones(saturated);
      tick;
      cycle = cycle + 1;
    end
    $display("cycles %0d", broadcasts != 0 ? last_busy + 1 : cycle);
    $display("broadcasts %0d", broadcasts);
    $display("macs %0d", macs);
    $display("padding %0d", paddings);
    $display("ptr_reads %0d", ptr_reads);
    $display("spmat_reads %0d", row_reads);
    $display("saturations %0d", saturations);

    swap = 1'b1;
    tick;
    swap = 1'b0;
    read = 1'b1;
    for (i = 0; i < n_out; i = i + 1) begin
      io_pe = BankBits'(i % N);
      io_addr = IO_ADDR_BITS'(i / N);
      repeat (PIPELINED != 0 ? 5 : 0) tick;
      #1;
      $display("output %0d", $signed(data));
    end
    $finish;
  end

endmodule
