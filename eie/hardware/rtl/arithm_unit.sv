// The arithmetic unit: four stages, one product per cycle (ISCA 2016, section IV).
//
//   1. decode: the codebook turns the code into a weight, and the skip moves on to the accumulator's address;
//   2. read the accumulator, and multiply;
//   3. shift to the accumulator's binary point, rounding halves up, and add with saturation;
//   4. write.
// Where stage 3 would be the slowest, EARLY_BITS moves the large part of the shift into stage 2.
// If two adjacent cycles use one accumulator, it is not written yet when it is read again, so the adder's output is
// bypassed to its input. A use two cycles later reads it through the register file's write-through. Padding zeros
// (code 0) are not written.
//
//   DATA_BITS = 16, places_i = 12: weight 3, activation 2048, accumulator 10:  (6144 >> 12, rounded) + 10 = 12
//   accumulator 32767 and a product of 4096 or more:  32767, and saturated_o
`include "require.svh"

module arithm_unit #(
  parameter int CODE_BITS = 4,                    /// bits of a code
  parameter int INDEX_BITS = 4,                   /// bits of a relative index (skip)
  parameter int DATA_BITS = 16,                   /// bits of a weight, an activation and an accumulator
  parameter int REG_BITS = 6,                     /// bits of an accumulator's address
  parameter int EARLY_BITS = 0,                   /// uppermost bits of the shift that take effect in stage 2
  parameter int PIPELINED = 0,                    /// tell the accumulator to read a cycle early
  parameter int PLACES_BITS = $clog2(2*DATA_BITS) /// bits of the shift
) (
  input  logic                   clk_i,       /// clock
  input  logic                   rst_ni,      /// reset, active low, taken at the clock edge
  input  logic [PLACES_BITS-1:0] places_i,    /// bits by which a product is shifted right
  input  logic                   slot_i,      /// an entry or a bubble arrives
  input  logic                   entry_i,     /// it is an entry
  input  logic                   first_i,     /// it opens a column
  input  logic [CODE_BITS-1:0]   code_i,      /// its code
  input  logic [INDEX_BITS-1:0]  skip_i,      /// zeros before it
  input  logic [DATA_BITS-1:0]   act_i,       /// activation that it is multiplied by
  output logic [REG_BITS-1:0]    raddr_o,     /// accumulator to read in this cycle; PIPELINED: in the next
  input  logic [DATA_BITS-1:0]   rdata_i,     /// its value, one that is being written included
  input  logic                   cleared_i,   /// it is 0, whatever rdata_i says
  output logic                   write_o,     /// write an accumulator
  output logic [REG_BITS-1:0]    waddr_o,     /// which
  output logic [DATA_BITS-1:0]   wdata_o,     /// its new value
  output logic                   busy_o,      /// something is in this unit
  output logic                   padding_o,   /// a padding zero is at the write stage
  output logic                   saturated_o, /// the addition in this cycle saturates
  input  logic                   io_write_i,  /// input/output mode: write a shared weight
  input  logic [CODE_BITS-1:0]   io_addr_i,   /// its code; code 0 has none
  input  logic [DATA_BITS-1:0]   io_data_i    /// its value
);

  `REQUIRE(DATA_BITS >= 2 && DATA_BITS <= 32, "DATA_BITS must be 2..32")

  // Stage 1: decode. Code 0 is a padding zero, whose weight is never used, so the codebook has no register for it.
  logic [DATA_BITS-1:0] codebook [1:2**CODE_BITS-1];
  logic [CODE_BITS-1:0] code;
  logic                 slot1_q, entry1_q, write1_q;
  logic [REG_BITS-1:0]  row_d, row1_q;
  logic [DATA_BITS-1:0] weight1_q, act1_q;

  assign code = code_i == '0 ? CODE_BITS'(1) : code_i;
  assign row_d = (first_i ? '0 : row1_q + 1'b1) + REG_BITS'(skip_i);

  always_ff @(posedge clk_i) begin
    if (io_write_i && io_addr_i != '0) codebook[io_addr_i] <= io_data_i;
  end

  // Stage 2: read and multiply. A bit below the product's lowest is there for the rounding.
  localparam logic [PLACES_BITS-1:0] LatePlaces = PLACES_BITS'(2 ** (PLACES_BITS - EARLY_BITS) - 1);
  logic                          slot2_q, entry2_q, write2_q, cleared2_q;
  logic [REG_BITS-1:0]           row2_q;
  logic [DATA_BITS-1:0]          total2_q;
  logic signed [2*DATA_BITS-1:0] product;
  logic signed [2*DATA_BITS:0]   product_d, product2_q;

  assign product = $signed(weight1_q) * $signed(act1_q);
  assign product_d = $signed({product, 1'b0}) >>> (places_i & ~LatePlaces);
  assign raddr_o = PIPELINED != 0 ? row_d : row1_q;

  // Stage 3: shift and add. The bit below the cut is the carry-in, which rounds halves up. A shifted product that does
  // not fit DATA_BITS + 1 bits saturates whatever it is added to, so that the adder needs only DATA_BITS + 2.
  logic                          slot3_q, entry3_q, write3_q;
  logic [REG_BITS-1:0]           row3_q;
  logic [DATA_BITS-1:0]          total, sum_d, sum3_q;
  logic signed [2*DATA_BITS-1:0] shifted;
  logic signed [DATA_BITS+1:0]   added;
  logic                          bypass_d, bypass_q, below, far, over, negative;

  assign bypass_d = write2_q && row2_q == row1_q;
  assign total = bypass_q ? sum3_q : cleared2_q ? '0 : total2_q;
  assign {shifted, below} = product2_q >>> (places_i & LatePlaces);
  assign far = shifted[2*DATA_BITS-1:DATA_BITS] != {DATA_BITS{shifted[2*DATA_BITS-1]}};
  assign added = $signed({{2{total[DATA_BITS-1]}}, total}) + $signed({shifted[DATA_BITS], shifted[DATA_BITS:0]})
               + $signed({{(DATA_BITS+1){1'b0}}, below});
  assign over = added[DATA_BITS+1:DATA_BITS-1] != {3{added[DATA_BITS-1]}};
  assign negative = far ? shifted[2*DATA_BITS-1] : added[DATA_BITS+1];
  assign sum_d = far || over ? {negative, {(DATA_BITS-1){!negative}}} : added[DATA_BITS-1:0];

  assign saturated_o = write2_q && (far || over);

  // Stage 4: write.
  assign write_o = write3_q;
  assign waddr_o = row3_q;
  assign wdata_o = sum3_q;
  assign padding_o = entry3_q && !write3_q;
  assign busy_o = slot1_q || slot2_q || slot3_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {slot1_q, slot2_q, slot3_q} <= '0;
      {entry1_q, entry2_q, entry3_q} <= '0;
      {write1_q, write2_q, write3_q} <= '0;
    end else begin
      {slot1_q, slot2_q, slot3_q} <= {slot_i, slot1_q, slot2_q};
      {entry1_q, entry2_q, entry3_q} <= {entry_i, entry1_q, entry2_q};
      {write1_q, write2_q, write3_q} <= {entry_i && code_i != '0, write1_q, write2_q};
    end
  end

  always_ff @(posedge clk_i) begin
    if (entry_i) begin
      row1_q <= row_d;
      weight1_q <= codebook[code];
      act1_q <= act_i;
    end
    if (write1_q) begin
      row2_q <= row1_q;
      bypass_q <= bypass_d;
      product2_q <= product_d;
      total2_q <= rdata_i;
      cleared2_q <= cleared_i;
    end
    if (write2_q) begin
      row3_q <= row2_q;
      sum3_q <= sum_d;
    end
  end

endmodule
