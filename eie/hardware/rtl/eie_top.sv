// N processing elements, the leading non-zero detection tree over them, and the central control.
//
// How to run a layer: write the memories (io_write_i), pulse clear_dst_i (and write start values of the accumulators,
// if there are any), set the layer's ports, pulse start_i, and wait until neither scanning_o nor busy_o is high. Pulse
// swap_i, and the results are the sources of the next layer; read_i reads them one by one.
//
// PIPELINED cuts the longest path, from the source registers of all PEs through the tree to the pointer SRAMs, into
// three stages. Each layer takes two more cycles, and everything else is the same, cycle by cycle. It also shortens
// paths within the PE: writes of input/output mode, clearing and swapping take effect one cycle later, so that start_i
// must not follow in the next cycle; and data_o is valid in the fifth cycle after the one in which the address arrives.
//
// Counters are not part of the chip: each PE has one port for each kind of event, which a testbench adds up.
`include "require.svh"

module eie_top #(
  parameter int N = 64,                                         /// processing elements, 1..64
  parameter int DEPTH = 8,                                      /// slots of a queue's ring, 2 or more
  parameter int ENTRIES = 8,                                    /// entries per row of the sparse-matrix SRAM
  parameter int CODE_BITS = 4,                                  /// bits of a code, 1..8
  parameter int INDEX_BITS = 4,                                 /// bits of a relative index, 1..8
  parameter int DATA_BITS = 16,                                 /// bits of a weight, activation and accumulator, 2..32
  parameter int ROW_BITS = 13,                                  /// bits of the address of a sparse-matrix row
  parameter int COLUMN_BITS = 14,                               /// bits of a column's number
  parameter int REG_BITS = 6,                                   /// bits of an activation register's address
  parameter int IO_ADDR_BITS = 14,                              /// bits of an address of input/output mode
  parameter int IO_WIDTH = 64,                                  /// bits of a word of input/output mode
  parameter int PIPELINED = 0,                                  /// short paths; two more cycles per layer
  parameter int PLACES_BITS = $clog2(2*DATA_BITS),              /// bits of the shift of products
  parameter int BANK_BITS = N > 1 ? $clog2(N) : 1               /// bits of a PE's number
) (
  input  logic                   clk_i,          /// clock
  input  logic                   rst_ni,         /// reset, active low, taken at the clock edge
  input  logic                   start_i,        /// scan the sources from the next cycle on
  input  logic                   swap_i,         /// let the two register files change their roles
  input  logic                   clear_src_i,    /// let every source read as 0
  input  logic                   clear_dst_i,    /// let every accumulator read as 0
  input  logic [REG_BITS:0]      addresses_i,    /// source addresses to scan: inputs divided by N, rounded up
  input  logic                   has_bias_i,     /// send a 1.0 after the inputs
  input  logic [DATA_BITS-1:0]   one_i,          /// 1.0 in the format of the activations
  input  logic [COLUMN_BITS-1:0] first_column_i, /// column of activation 0
  input  logic [COLUMN_BITS-1:0] bias_column_i,  /// column of the bias
  input  logic [PLACES_BITS-1:0] places_i,       /// bits by which a product is shifted right
  input  logic                   relu_i,         /// read negative sources as 0
  input  logic                   io_write_i,     /// input/output mode: write a memory
  input  logic [2:0]             io_target_i,    /// which memory, see pe.sv
  input  logic [BANK_BITS-1:0]   io_pe_i,        /// of which PE, for read_i too
  input  logic [IO_ADDR_BITS-1:0] io_addr_i,      /// at which address, for read_i too
  input  logic [IO_WIDTH-1:0]    io_data_i,      /// what
  input  logic                   read_i,         /// input/output mode: read a source
  output logic [DATA_BITS-1:0]   data_o,         /// its value, in the same cycle; PIPELINED: five later
  output logic                   scanning_o,     /// there are addresses left to look at
  output logic                   busy_o,         /// something is queued or in a pipeline
  output logic                   push_o,         /// event: a broadcast
  output logic [N-1:0]           ptr_read_o,     /// event of PE p: a pointer pair is read
  output logic [N-1:0]           row_read_o,     /// event of PE p: a row of the sparse matrix is read
  output logic [N-1:0]           mac_o,          /// event of PE p: a product is added up
  output logic [N-1:0]           padding_o,      /// event of PE p: a padding zero is dropped
  output logic [N-1:0]           saturated_o     /// event of PE p: an addition saturates
);

  `REQUIRE(N >= 1 && N <= 64, "N must be 1..64")

  logic                   role_d, role_q;
  logic [BANK_BITS-1:0]   bank, found_bank;
  logic                   exact, found, push, any_full;
  logic [N-1:0]           non_zero, valid, full, busy, roles, take;
  /* verilator lint_off UNUSEDSIGNAL */  // needed where PIPELINED
  logic [N-1:0]           almost;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [N*REG_BITS-1:0]  addresses;
  logic [N*DATA_BITS-1:0] sources, acts;
  logic [DATA_BITS-1:0]   found_act, act;
  logic [COLUMN_BITS-1:0] column;
  logic [IO_ADDR_BITS-1:0] io_addr;
  logic [IO_WIDTH-1:0]    io_data;

  assign role_d = role_q ^ swap_i;
  assign any_full = |full;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) role_q <= 1'b0;
    else role_q <= role_d;
  end

  if (PIPELINED != 0) begin : g_pipelined
    logic         step, live, idle, read_q;
    logic [N-1:0] sent;

    pipelined_control #(
      .N          (N),
      .DATA_BITS  (DATA_BITS),
      .COLUMN_BITS(COLUMN_BITS),
      .REG_BITS   (REG_BITS)
    ) u_control (
      .clk_i,
      .rst_ni,
      .start_i,
      .addresses_i,
      .has_bias_i,
      .one_i,
      .first_column_i,
      .bias_column_i,
      .full_i      (any_full),
      .almost_i    (|almost),
      .pending_i   (valid),
      .step_o      (step),
      .live_o      (live),
      .idle_o      (idle),
      .sent_o      (sent),
      .found_i     (found),
      .found_bank_i(found_bank),
      .found_act_i (found_act),
      .push_o      (push),
      .column_o    (column),
      .act_o       (act),
      .data_o,
      .scanning_o
    );

    for (genvar p = 0; p < N; p++) begin : g_fetch
      // Copies per PE, since the way from one register to all PEs is long.
      logic own_role_q, mine_q;

      source_fetch #(
        .DATA_BITS(DATA_BITS),
        .REG_BITS (REG_BITS)
      ) u_fetch (
        .clk_i,
        .start_i,
        .step_i     (step),
        .live_i     (live),
        .idle_i     (idle),
        .sent_i     (sent[p]),
        .read_i     (read_q),
        .mine_i     (mine_q),
        .read_addr_i(io_addr[REG_BITS-1:0]),
        .addr_o     (addresses[p*REG_BITS +: REG_BITS]),
        .take_o     (take[p]),
        .source_i   (sources[p*DATA_BITS +: DATA_BITS]),
        .non_zero_i (non_zero[p]),
        .pending_o  (valid[p]),
        .act_o      (acts[p*DATA_BITS +: DATA_BITS])
      );

      (* keep *) always_ff @(posedge clk_i) begin
        if (!rst_ni) own_role_q <= 1'b0;
        else own_role_q <= role_d;
      end

      always_ff @(posedge clk_i) mine_q <= io_pe_i == BANK_BITS'(p);

      assign roles[p] = own_role_q;
    end

    always_ff @(posedge clk_i) begin
      read_q <= read_i;
      io_addr <= io_addr_i;
      io_data <= io_data_i;
    end

    assign bank = '0;
    assign exact = 1'b0;
  end else begin : g_unpipelined
    logic [REG_BITS-1:0] addr;

    central_control #(
      .N          (N),
      .DATA_BITS  (DATA_BITS),
      .COLUMN_BITS(COLUMN_BITS),
      .REG_BITS   (REG_BITS)
    ) u_control (
      .clk_i,
      .rst_ni,
      .start_i,
      .addresses_i,
      .has_bias_i,
      .one_i,
      .first_column_i,
      .bias_column_i,
      .full_i      (any_full),
      .read_i,
      .read_addr_i (io_addr_i[REG_BITS-1:0]),
      .read_bank_i (io_pe_i),
      .addr_o      (addr),
      .bank_o      (bank),
      .exact_o     (exact),
      .found_i     (found),
      .found_bank_i(found_bank),
      .found_act_i (found_act),
      .push_o      (push),
      .column_o    (column),
      .act_o       (act),
      .scanning_o
    );

    assign addresses = {N{addr}};
    assign roles = {N{role_q}};
    assign take = '0;
    assign io_addr = io_addr_i;
    assign io_data = io_data_i;
    assign valid = non_zero;
    assign acts = sources;
    assign data_o = found ? found_act : '0;
  end

  lnzd_tree #(
    .N        (N),
    .DATA_BITS(DATA_BITS)
  ) u_lnzd_tree (
    .valid_i(valid),
    .act_i  (acts),
    .valid_o(found),
    .bank_o (found_bank),
    .act_o  (found_act)
  );

  for (genvar p = 0; p < N; p++) begin : g_pe
    pe #(
      .BANK_BITS   (BANK_BITS),
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
    ) u_pe (
      .clk_i,
      .rst_ni,
      .id_i       (BANK_BITS'(p)),
      .start_i,
      .role_i     (roles[p]),
      .relu_i,
      .clear_src_i,
      .clear_dst_i,
      .places_i,
      .src_addr_i (addresses[p*REG_BITS +: REG_BITS]),
      .take_i     (take[p]),
      .bank_i     (bank),
      .exact_i    (exact),
      .non_zero_o (non_zero[p]),
      .act_o      (sources[p*DATA_BITS +: DATA_BITS]),
      .push_i     (push),
      .column_i   (column),
      .act_i      (act),
      .full_o     (full[p]),
      .almost_o   (almost[p]),
      .busy_o     (busy[p]),
      .ptr_read_o (ptr_read_o[p]),
      .row_read_o (row_read_o[p]),
      .mac_o      (mac_o[p]),
      .padding_o  (padding_o[p]),
      .saturated_o(saturated_o[p]),
      .io_write_i,
      .io_target_i,
      .io_pe_i,
      .io_addr_i  (io_addr),
      .io_data_i  (io_data)
    );
  end

  assign push_o = push;
  assign busy_o = |busy;

endmodule
