// What the activation queue promises, for a proof by induction.
//
// The reference is a shift register, its head first, with a counter. The taps are registers inside the queue, which
// the proof's script connects: without them an induction would start from states that no run reaches.
module act_queue_properties #(
  parameter int DEPTH = 8,       /// slots of the queue's ring
  parameter int COLUMN_BITS = 2, /// bits of a column's number
  parameter int DATA_BITS = 2,   /// bits of an activation
  parameter int PTR_BITS = $clog2(DEPTH) /// bits of a slot's number
) (
  input logic                         clk_i,     /// clock
  input logic                         push_i,    /// a broadcast arrives
  input logic [COLUMN_BITS-1:0]       column_i,  /// its column
  input logic [DATA_BITS-1:0]         act_i,     /// its activation
  input logic                         pop_i,     /// the head is taken
  input logic [PTR_BITS-1:0]          head_i,    /// tap: slot of the head
  input logic [PTR_BITS-1:0]          tail_i,    /// tap: slot of the next broadcast
  input logic [DEPTH*COLUMN_BITS-1:0] columns_i, /// tap: columns of all slots, slot 0 in the lowest bits
  input logic [DEPTH*DATA_BITS-1:0]   acts_i     /// tap: activations of all slots
);

  localparam int Holds = DEPTH - 1;

  logic                   valid, full, next_full, next_almost, next_valid;
  logic [DATA_BITS-1:0]   act;
  logic [COLUMN_BITS-1:0] next_column;

  act_queue #(
    .DEPTH      (DEPTH),
    .COLUMN_BITS(COLUMN_BITS),
    .DATA_BITS  (DATA_BITS),
    .PIPELINED  (1)
  ) u_queue (
    .clk_i,
    .rst_ni       (1'b1),  // the proof starts from the state that a reset leaves
    .push_i,
    .column_i,
    .act_i,
    .pop_i,
    .valid_o      (valid),
    .full_o       (full),
    .next_full_o  (next_full),
    .next_almost_o(next_almost),
    .act_o        (act),
    .next_valid_o (next_valid),
    .next_column_o(next_column)
  );

  function automatic logic [PTR_BITS-1:0] wrapped(input logic [PTR_BITS+1:0] slot);
    wrapped = PTR_BITS'(slot >= (PTR_BITS + 2)'(DEPTH) ? slot - (PTR_BITS + 2)'(DEPTH) : slot);
  endfunction

  // The reference: entry k of `ref_columns` is the k-th broadcast from the head.
  logic [PTR_BITS:0]            count_d, count_q, after_pop;
  logic [Holds*COLUMN_BITS-1:0] ref_columns_d, ref_columns_q;
  logic [Holds*DATA_BITS-1:0]   ref_acts_d, ref_acts_q;

  assign after_pop = count_q - (PTR_BITS + 1)'(pop_i);

  always_comb begin
    count_d = after_pop + (PTR_BITS + 1)'(push_i);
    ref_columns_d = pop_i ? ref_columns_q >> COLUMN_BITS : ref_columns_q;
    ref_acts_d = pop_i ? ref_acts_q >> DATA_BITS : ref_acts_q;
    for (int k = 0; k < Holds; k++) begin
      if (push_i && after_pop == (PTR_BITS + 1)'(k)) begin
        ref_columns_d[k*COLUMN_BITS +: COLUMN_BITS] = column_i;
        ref_acts_d[k*DATA_BITS +: DATA_BITS] = act_i;
      end
    end
  end

  // The column whose pointers stand at the outputs of the pointer SRAM, as pe.sv reads it.
  logic [COLUMN_BITS-1:0] looked_up_d, looked_up_q;

  assign looked_up_d = next_valid && (pop_i || !valid) ? next_column : looked_up_q;

  always_ff @(posedge clk_i) begin
    count_q <= count_d;
    ref_columns_q <= ref_columns_d;
    ref_acts_q <= ref_acts_d;
    looked_up_q <= looked_up_d;
  end

  // The control does not push while full, and the pointer read does not pop while empty.
  always_comb begin
    assume (!(push_i && full));
    assume (!(pop_i && !valid));
  end

  // Count.
  always_comb begin
    assert (count_q <= (PTR_BITS + 1)'(Holds));
    assert (valid == (count_q != '0));
    assert (full == (count_q == (PTR_BITS + 1)'(Holds)));
    assert ((next_full || (push_i && next_almost)) == (count_d == (PTR_BITS + 1)'(Holds)));
    assert ({1'b0, head_i} < (PTR_BITS + 1)'(DEPTH) && {1'b0, tail_i} < (PTR_BITS + 1)'(DEPTH));
    assert (tail_i == wrapped((PTR_BITS + 2)'(head_i) + (PTR_BITS + 2)'(count_q)));
  end

  // Order: every slot holds what the reference has.
  for (genvar k = 0; k < Holds; k++) begin : g_order
    logic [PTR_BITS-1:0] slot;
    assign slot = wrapped((PTR_BITS + 2)'(head_i) + (PTR_BITS + 2)'(k));
    always_comb begin
      if (count_q > (PTR_BITS + 1)'(k)) begin
        assert (columns_i[slot*COLUMN_BITS +: COLUMN_BITS] == ref_columns_q[k*COLUMN_BITS +: COLUMN_BITS]);
        assert (acts_i[slot*DATA_BITS +: DATA_BITS] == ref_acts_q[k*DATA_BITS +: DATA_BITS]);
      end
    end
  end

  // Head and look-ahead.
  always_comb begin
    if (valid) assert (act == ref_acts_q[DATA_BITS-1:0]);
    if (valid) assert (looked_up_q == ref_columns_q[COLUMN_BITS-1:0]);
    assert (next_valid == (push_i || count_q > (PTR_BITS + 1)'(1)));
  end

endmodule
