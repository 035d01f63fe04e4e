// What the arithmetic unit and the accumulators promise together, for a proof by induction: each entry's sum is that of
// a reference that does it in one cycle, at the write stage.
//
// The taps are registers inside the unit and the register file, which the proof's script connects.
module arithm_unit_properties #(
  parameter int DATA_BITS = 3, /// bits of a weight, an activation and an accumulator; shifts go beyond a product of 6
  parameter int REG_BITS = 1,  /// bits of an accumulator's address
  parameter int CODE_BITS = 1, /// bits of a code
  parameter int EARLY_BITS = 0, /// uppermost bits of the shift that take effect in stage 2
  parameter int PLACES_BITS = 3 /// bits of the shift
) (
  input logic                                clk_i,     /// clock
  input logic [PLACES_BITS-1:0]              places_i,  /// bits by which a product is shifted right
  input logic                                entry_i,   /// an entry arrives
  input logic                                first_i,   /// it opens a column
  input logic [CODE_BITS-1:0]                code_i,    /// its code
  input logic                                skip_i,    /// zeros before it
  input logic [DATA_BITS-1:0]                act_i,     /// activation that it is multiplied by
  input logic                                io_write_i, /// a shared weight is written
  input logic [DATA_BITS-1:0]                io_data_i,  /// its value
  input logic [DATA_BITS-1:0]                weight1_i, /// tap: weight at stage 1
  input logic [DATA_BITS-1:0]                act1_i,    /// tap: activation at stage 1
  input logic [REG_BITS-1:0]                 row1_i,    /// tap: accumulator at stage 1
  input logic                                write1_i,  /// tap: no padding zero at stage 1
  input logic [REG_BITS-1:0]                 row2_i,    /// tap: accumulator at stage 2
  input logic                                write2_i,  /// tap: no padding zero at stage 2
  input logic [DATA_BITS-1:0]                total2_i,  /// tap: what stage 2 has read
  input logic                                cleared2_i, /// tap: it has found a cleared accumulator
  input logic [2*DATA_BITS:0]                product2_i, /// tap: what stage 2 has multiplied and shifted
  input logic [2**REG_BITS*DATA_BITS-1:0]    regs_i,    /// tap: all accumulators, number 0 in the lowest bits
  input logic [2**REG_BITS-1:0]              written_i  /// tap: those that have been written
);

  logic [REG_BITS-1:0]  raddr, waddr;
  logic [DATA_BITS-1:0] rdata, wdata, act;
  logic                 write, busy, padding, saturated, non_zero, cleared;

  arithm_unit #(
    .CODE_BITS  (CODE_BITS),
    .INDEX_BITS (1),
    .DATA_BITS  (DATA_BITS),
    .REG_BITS   (REG_BITS),
    .EARLY_BITS (EARLY_BITS),
    .PLACES_BITS(PLACES_BITS)
  ) u_unit (
    .clk_i,
    .rst_ni     (1'b1),  // the proof starts from the state that a reset leaves
    .places_i   (places_q),
    .slot_i     (entry_i),
    .entry_i,
    .first_i,
    .code_i,
    .skip_i,
    .act_i,
    .raddr_o    (raddr),
    .rdata_i    (rdata),
    .cleared_i  (cleared),
    .write_o    (write),
    .waddr_o    (waddr),
    .wdata_o    (wdata),
    .busy_o     (busy),
    .padding_o  (padding),
    .saturated_o(saturated),
    .io_write_i (io_write_i),
    .io_addr_i  (1'b1),
    .io_data_i  (io_data_i)
  );

  act_rw #(
    .DATA_BITS(DATA_BITS),
    .REG_BITS (REG_BITS)
  ) u_regs (
    .clk_i,
    .rst_ni     (1'b1),
    .role_i     (1'b0),
    .relu_i     (1'b0),
    .clear_src_i(1'b0),
    .clear_dst_i(1'b0),
    .src_addr_i ('0),
    .take_i     (1'b0),
    .act_o      (act),
    .non_zero_o (non_zero),
    .raddr_i    (raddr),
    .rdata_o    (rdata),
    .cleared_o  (cleared),
    .write_i    (write),
    .waddr_i    (waddr),
    .wdata_i    (wdata),
    .io_src_i   (1'b0),
    .io_dst_i   (1'b0),
    .io_addr_i  ('0),
    .io_data_i  ('0)
  );

  // The layer's shift does not change while it runs.
  logic [PLACES_BITS-1:0] places_q;
  logic                   started_q;

  // What the reference needs of an entry, delayed to the write stage.
  logic [DATA_BITS-1:0] weight2_q, act2_q, weight3_q, act3_q;
  logic [REG_BITS-1:0]  row3_q;
  logic                 write3_q, clipped3_q;

  // The reference: product, shift that rounds halves up, sum, and clip, all in the cycle of the write.
  localparam int Wide = 2 * DATA_BITS + 2;
  logic signed [Wide-1:0] product, rounded, sum, clipped, half, high, low;
  logic [DATA_BITS-1:0]   before;
  logic [2**REG_BITS*DATA_BITS-1:0] ref_d, ref_q;

  function automatic logic signed [Wide-1:0] extended(input logic [DATA_BITS-1:0] value);
    extended = {{(Wide-DATA_BITS){value[DATA_BITS-1]}}, value};
  endfunction

  assign before = ref_q[row3_q*DATA_BITS +: DATA_BITS];
  assign product = extended(weight3_q) * extended(act3_q);
  assign half = (Wide'(1) << places_q) >> 1;
  assign rounded = (product + half) >>> places_q;
  assign sum = extended(before) + rounded;
  assign high = Wide'(2 ** (DATA_BITS - 1) - 1);
  assign low = -high - 1;
  assign clipped = sum > high ? high : sum < low ? low : sum;

  always_comb begin
    ref_d = ref_q;
    if (write3_q) ref_d[row3_q*DATA_BITS +: DATA_BITS] = clipped[DATA_BITS-1:0];
  end

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) places_q <= places_i;
    if (write1_i) begin
      weight2_q <= weight1_i;
      act2_q <= act1_i;
    end
    if (write2_i) begin
      weight3_q <= weight2_q;
      act3_q <= act2_q;
      row3_q <= row2_i;
      clipped3_q <= saturated;
    end
    write3_q <= write2_i;
    ref_q <= ref_d;
  end

  always_comb assume (started_q || !entry_i);

  // The accumulators are those of the reference; one never written is 0.
  for (genvar r = 0; r < 2 ** REG_BITS; r++) begin : g_same
    always_comb begin
      assert ((written_i[r] ? regs_i[r*DATA_BITS +: DATA_BITS] : DATA_BITS'(0)) == ref_q[r*DATA_BITS +: DATA_BITS]);
    end
  end

  // What stage 2 has multiplied, with a bit below it, and the part of the shift that is left to stage 3.
  localparam logic [PLACES_BITS-1:0] LatePlaces = PLACES_BITS'(2 ** (PLACES_BITS - EARLY_BITS) - 1);
  logic signed [Wide-1:0] doubled;

  assign doubled = (extended(weight2_q) * extended(act2_q)) << 1;

  // On the way: stage 2 holds the product, and the accumulator as it is without the write of this cycle.
  always_comb begin
    assert (write == write3_q);
    if (!started_q) assert (!write1_i && !write2_i && !write3_q);
    if (write2_i) begin
      assert (product2_i == (2*DATA_BITS+1)'(doubled >>> (places_q & ~LatePlaces)));
      assert ((cleared2_i ? DATA_BITS'(0) : total2_i) == ref_q[row2_i*DATA_BITS +: DATA_BITS]);
    end
  end

  // The write stage: bypass, write-through, rounding and saturation give what the reference gives.
  always_comb begin
    if (write3_q) begin
      assert (waddr == row3_q);
      assert (wdata == clipped[DATA_BITS-1:0]);
      assert (clipped3_q == (sum != clipped));
    end
  end

endmodule
