// Plays a host: runs a program of register writes, waits and reads against fpga_host, the RTL (with -DRTL) or a netlist.
//
// A line of program.hex: 0 register value (a write), 1 00000 (wait until a layer is done, and print the cycles in which
// it was busy), 2 00000 (print the source at the place), 3 00000 (the end).
`ifdef RTL
`define SIZES #(.N(N), .DEPTH(DEPTH), .ENTRIES(ENTRIES), .CODE_BITS(CODE_BITS), .INDEX_BITS(INDEX_BITS), \
  .DATA_BITS(DATA_BITS), .ROW_BITS(ROW_BITS), .COLUMN_BITS(COLUMN_BITS), .REG_BITS(REG_BITS), \
  .IO_ADDR_BITS(IO_ADDR_BITS), .IO_WIDTH(IO_WIDTH), .PIPELINED(PIPELINED))
`else
`define SIZES
`endif
module host_bench #(
  parameter int N = 16,            /// processing elements
  parameter int DEPTH = 8,         /// slots of a queue's ring
  parameter int ENTRIES = 8,       /// entries per row of the sparse-matrix SRAM
  parameter int CODE_BITS = 4,     /// bits of a code
  parameter int INDEX_BITS = 4,    /// bits of a relative index
  parameter int DATA_BITS = 16,    /// bits of a weight, activation and accumulator
  parameter int ROW_BITS = 8,      /// bits of the address of a sparse-matrix row
  parameter int COLUMN_BITS = 11,  /// bits of a column's number
  parameter int REG_BITS = 6,      /// bits of an activation register's address
  parameter int IO_ADDR_BITS = 11, /// bits of an address of input/output mode
  parameter int IO_WIDTH = 64,     /// bits of a word of input/output mode
  parameter int PIPELINED = 1      /// short paths; two more cycles per layer
);

  logic        clk = 1'b0;
  logic        rst_n = 1'b0;
  logic        write = 1'b0;
  logic [3:0]  addr = '0;
  logic [15:0] value = '0;
  logic [15:0] data;
  logic        busy;
  logic [23:0] line;
  logic        ended = 1'b0;
  integer      file, cycles;

  fpga_host `SIZES dut (
    .clk_i  (clk),
    .rst_ni (rst_n),
    .write_i(write),
    .addr_i (addr),
    .data_i (value),
    .data_o (data),
    .busy_o (busy)
  );

  task automatic tick;
    #1 clk = 1'b1;
    #1 clk = 1'b0;
  endtask

  initial begin
    file = $fopen("program.hex", "r");
    if (file == 0) $fatal(1, "there is no program.hex");
    repeat (4) tick;
    rst_n = 1'b1;
    repeat (4) tick;
    while (!ended) begin
      if ($fscanf(file, "%h", line) != 1) $fatal(1, "program.hex has no end");
      case (line[23:20])
        4'd0: begin
          write = 1'b1;
          {addr, value} = line[19:0];
          tick;
          write = 1'b0;
        end
        4'd1: begin
          cycles = 0;
          while (busy !== 1'b1) tick;
          while (busy !== 1'b0) begin
            cycles = cycles + 1;
            tick;
          end
          $display("busy %0d", cycles);
        end
        4'd2: begin
          repeat (10) tick;
          $display("data %0d", $signed(data));
        end
        default: ended = 1'b1;
      endcase
    end
    $finish;
  end

endmodule
