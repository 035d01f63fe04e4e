// A processing element: queue, pointer read, sparse-matrix read, arithmetic unit, and activation read/write
// (ISCA 2016, Figure 4).
//
// An activation broadcast in cycle t is the head of an empty queue in cycle t + 1, with its pointers at the outputs of
// the pointer SRAM, and its n entries are issued in cycles t + 2 to t + 1 + n. Each is written seven edges later: Spmat
// address, Spmat row, entry, and the four stages of the arithmetic unit.
//
//   cycle      t        t+1      t+2      t+3      t+4      t+5      t+6      t+7      t+8
//              push     pop      issue    SRAM     row      decode   multiply add      write
//
// The PE's number is a port: as a parameter it would make one module per PE.
`include "require.svh"

module pe #(
  parameter int BANK_BITS = 6,                                  /// bits of a PE's number
  parameter int DEPTH = 8,                                      /// slots of the queue's ring
  parameter int ENTRIES = 8,                                    /// entries per row of the sparse-matrix SRAM
  parameter int CODE_BITS = 4,                                  /// bits of a code
  parameter int INDEX_BITS = 4,                                 /// bits of a relative index
  parameter int DATA_BITS = 16,                                 /// bits of a weight, activation and accumulator
  parameter int ROW_BITS = 13,                                  /// bits of the address of a sparse-matrix row
  parameter int COLUMN_BITS = 14,                               /// bits of a column's number
  parameter int REG_BITS = 6,                                   /// bits of an activation register's address
  parameter int PLACES_BITS = $clog2(2*DATA_BITS),              /// bits of the shift of products
  parameter int LANE_BITS = ENTRIES > 1 ? $clog2(ENTRIES) : 1,  /// bits of an entry's place within its row
  parameter int ROW_WIDTH = ENTRIES * (CODE_BITS + INDEX_BITS), /// bits of a sparse-matrix row
  parameter int IO_ADDR_BITS = 14,                              /// bits of an address of input/output mode
  parameter int IO_WIDTH = 64,                                  /// bits of a word of input/output mode
  parameter int PIPELINED = 0                                   /// short paths, see eie_top.sv
) (
  input  logic                   clk_i,       /// clock
  input  logic                   rst_ni,      /// reset, active low, taken at the clock edge
  input  logic [BANK_BITS-1:0]   id_i,        /// number of this PE
  input  logic                   start_i,     /// a layer begins
  input  logic                   role_i,      /// which register file is the source
  input  logic                   relu_i,      /// read negative sources as 0
  input  logic                   clear_src_i, /// let every source read as 0
  input  logic                   clear_dst_i, /// let every accumulator read as 0
  input  logic [PLACES_BITS-1:0] places_i,    /// bits by which a product is shifted right
  input  logic [REG_BITS-1:0]    src_addr_i,  /// source that the control looks at; PIPELINED: to read in the next cycle
  input  logic                   take_i,      /// PIPELINED: look at what is read now from the next cycle on
  input  logic [BANK_BITS-1:0]   bank_i,      /// first PE that it looks at
  input  logic                   exact_i,     /// it looks at that PE only
  output logic                   non_zero_o,  /// this PE is looked at, and its source is not 0
  output logic [DATA_BITS-1:0]   act_o,       /// its source, where non_zero_o is high
  input  logic                   push_i,      /// a broadcast arrives
  input  logic [COLUMN_BITS-1:0] column_i,    /// its column
  input  logic [DATA_BITS-1:0]   act_i,       /// its activation
  output logic                   full_o,      /// the queue has no room; PIPELINED: in the next cycle
  output logic                   almost_o,    /// PIPELINED: nor has it in the next cycle if push_i is high
  output logic                   busy_o,      /// something is queued or in the pipeline
  output logic                   ptr_read_o,  /// event: a pointer pair is read
  output logic                   row_read_o,  /// event: a row of the sparse matrix is read
  output logic                   mac_o,       /// event: a product is added up
  output logic                   padding_o,   /// event: a padding zero is dropped
  output logic                   saturated_o, /// event: an addition saturates
  input  logic                   io_write_i,  /// input/output mode: write a memory
  input  logic [2:0]             io_target_i, /// 0 sources, 1 accumulators, 2 pointers, 3 sparse matrix, 4 codebook
  input  logic [BANK_BITS-1:0]   io_pe_i,     /// of which PE; the codebook is written in all
  input  logic [IO_ADDR_BITS-1:0] io_addr_i,   /// at which address; PIPELINED: a cycle later
  input  logic [IO_WIDTH-1:0]    io_data_i    /// what; PIPELINED: a cycle later
);

  `REQUIRE(IO_ADDR_BITS >= ROW_BITS, "IO_ADDR_BITS must be ROW_BITS or more")
  `REQUIRE(IO_ADDR_BITS >= COLUMN_BITS, "IO_ADDR_BITS must be COLUMN_BITS or more")
  `REQUIRE(IO_ADDR_BITS >= REG_BITS, "IO_ADDR_BITS must be REG_BITS or more")
  `REQUIRE(IO_ADDR_BITS >= CODE_BITS, "IO_ADDR_BITS must be CODE_BITS or more")
  `REQUIRE(IO_WIDTH >= ROW_WIDTH, "IO_WIDTH must hold a row")
  `REQUIRE(IO_WIDTH >= ROW_BITS + LANE_BITS, "IO_WIDTH must hold a pointer")
  `REQUIRE(IO_WIDTH >= DATA_BITS, "IO_WIDTH must hold an activation")

  localparam int PtrBits = ROW_BITS + LANE_BITS;

  logic                   mine, io_mine, full, next_full;
  logic [4:0]             io_write_d, io_write;
  logic                   relu;
  logic [PLACES_BITS-1:0] places;
  logic                   head_valid, next_valid, pop, ptr_latch, ready, spmat_busy, arithm_busy;
  logic [DATA_BITS-1:0]   head_act, entry_act, rdata, wdata;
  logic [COLUMN_BITS-1:0] next_column;
  logic [PtrBits-1:0]     first_entry, stop_entry;
  logic                   slot, entry, first, write, cleared, source_non_zero;
  logic [CODE_BITS-1:0]   code;
  logic [INDEX_BITS-1:0]  skip;
  logic [REG_BITS-1:0]    raddr, waddr;

  assign mine = exact_i ? id_i == bank_i : id_i >= bank_i;
  assign io_mine = io_write_i && id_i == io_pe_i;

  // One bit per memory; the codebook is written in all PEs. PIPELINED decodes a cycle before address and word arrive.
  always_comb begin
    for (int k = 0; k < 4; k++) io_write_d[k] = io_mine && io_target_i == 3'(k);
    io_write_d[4] = io_write_i && io_target_i == 3'd4;
  end

  if (PIPELINED != 0) begin : g_decoded
    logic [4:0]             io_write_q;
    // Copies of what does not change while a layer runs: the way from one register to all PEs is long.
    logic                   relu_q;
    logic [PLACES_BITS-1:0] places_q;

    assign io_write = io_write_q;
    assign relu = relu_q;
    assign places = places_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) io_write_q <= '0;
      else io_write_q <= io_write_d;
    end

    (* keep *) always_ff @(posedge clk_i) begin
      relu_q <= relu_i;
      places_q <= places_i;
    end
  end else begin : g_undecoded
    assign io_write = io_write_d;
    assign relu = relu_i;
    assign places = places_i;
  end

  // The pointers are read as a column becomes the head of the queue, and held until it is taken. PIPELINED lets the
  // SRAM read on where nothing arrives, too, so that it need not wait for push_i; such a read is not counted.
  assign pop = head_valid && ready;
  assign ptr_latch = (PIPELINED != 0 || next_valid) && (pop || !head_valid);

  act_queue #(
    .DEPTH      (DEPTH),
    .COLUMN_BITS(COLUMN_BITS),
    .DATA_BITS  (DATA_BITS),
    .PIPELINED  (PIPELINED)
  ) u_act_queue (
    .clk_i,
    .rst_ni,
    .push_i,
    .column_i,
    .act_i,
    .pop_i        (pop),
    .valid_o      (head_valid),
    .full_o       (full),
    .next_full_o  (next_full),
    .next_almost_o(almost_o),
    .act_o        (head_act),
    .next_valid_o (next_valid),
    .next_column_o(next_column)
  );

  ptr_read #(
    .COLUMN_BITS(COLUMN_BITS),
    .PTR_BITS   (PtrBits)
  ) u_ptr_read (
    .clk_i,
    .read_i    (ptr_latch),
    .column_i  (next_column),
    .start_o   (first_entry),
    .stop_o    (stop_entry),
    .io_write_i(io_write[2]),
    .io_addr_i (io_addr_i[COLUMN_BITS-1:0]),
    .io_data_i (io_data_i[PtrBits-1:0])
  );

  spmat_read #(
    .ENTRIES   (ENTRIES),
    .CODE_BITS (CODE_BITS),
    .INDEX_BITS(INDEX_BITS),
    .DATA_BITS (DATA_BITS),
    .ROW_BITS  (ROW_BITS),
    .PIPELINED (PIPELINED)
  ) u_spmat_read (
    .clk_i,
    .rst_ni,
    .start_i,
    .push_i    (pop),
    .first_i   (first_entry),
    .stop_i    (stop_entry),
    .act_i     (head_act),
    .ready_o   (ready),
    .busy_o    (spmat_busy),
    .row_read_o,
    .slot_o    (slot),
    .entry_o   (entry),
    .first_o   (first),
    .code_o    (code),
    .skip_o    (skip),
    .act_o     (entry_act),
    .io_write_i(io_write[3]),
    .io_addr_i (io_addr_i[ROW_BITS-1:0]),
    .io_data_i (io_data_i[ROW_WIDTH-1:0])
  );

  arithm_unit #(
    .CODE_BITS  (CODE_BITS),
    .INDEX_BITS (INDEX_BITS),
    .DATA_BITS  (DATA_BITS),
    .REG_BITS   (REG_BITS),
    .EARLY_BITS (PIPELINED != 0 ? PLACES_BITS - 3 : 0),
    .PIPELINED  (PIPELINED),
    .PLACES_BITS(PLACES_BITS)
  ) u_arithm_unit (
    .clk_i,
    .rst_ni,
    .places_i   (places),
    .slot_i     (slot),
    .entry_i    (entry),
    .first_i    (first),
    .code_i     (code),
    .skip_i     (skip),
    .act_i      (entry_act),
    .raddr_o    (raddr),
    .rdata_i    (rdata),
    .cleared_i  (cleared),
    .write_o    (write),
    .waddr_o    (waddr),
    .wdata_o    (wdata),
    .busy_o     (arithm_busy),
    .padding_o,
    .saturated_o,
    .io_write_i (io_write[4]),
    .io_addr_i  (io_addr_i[CODE_BITS-1:0]),
    .io_data_i  (io_data_i[DATA_BITS-1:0])
  );

  act_rw #(
    .DATA_BITS(DATA_BITS),
    .REG_BITS (REG_BITS),
    .PIPELINED(PIPELINED)
  ) u_act_rw (
    .clk_i,
    .rst_ni,
    .role_i,
    .relu_i     (relu),
    .clear_src_i,
    .clear_dst_i,
    .src_addr_i,
    .take_i,
    .act_o,
    .non_zero_o(source_non_zero),
    .raddr_i   (raddr),
    .rdata_o   (rdata),
    .cleared_o (cleared),
    .write_i   (write),
    .waddr_i   (waddr),
    .wdata_i   (wdata),
    .io_src_i  (io_write[0]),
    .io_dst_i  (io_write[1]),
    .io_addr_i (io_addr_i[REG_BITS-1:0]),
    .io_data_i (io_data_i[DATA_BITS-1:0])
  );

  assign non_zero_o = mine && source_non_zero;
  assign busy_o = head_valid || spmat_busy || arithm_busy;
  assign ptr_read_o = next_valid && (pop || !head_valid);
  assign full_o = PIPELINED != 0 ? next_full : full;
  assign mac_o = write;

endmodule
