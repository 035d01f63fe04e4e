// The quadtree of LNZD nodes over all PEs: the first PE with a non-zero activation, and that activation.
//
// 64 PEs need 16 + 4 + 1 = 21 nodes. Any other number is filled up to a power of four with leaves that never have one.
//
//   N = 5, valid_i = 5'b10010, act_i of PE 1 = 9:   valid_o = 1, bank_o = 1, act_o = 9
`include "require.svh"

module lnzd_tree #(
  parameter int N = 64,                                 /// processing elements
  parameter int DATA_BITS = 16,                         /// bits of an activation
  parameter int BANK_BITS = N > 1 ? $clog2(N) : 1       /// bits of a PE's number
) (
  input  logic [N-1:0]           valid_i, /// PE p has an activation to send
  input  logic [N*DATA_BITS-1:0] act_i,   /// the activation of PE p, that of PE 0 in the lowest bits
  output logic                   valid_o, /// some PE has one
  output logic [BANK_BITS-1:0]   bank_o,  /// the first PE that has
  output logic [DATA_BITS-1:0]   act_o    /// its activation
);

  `REQUIRE(N >= 1 && N <= 64, "N must be 1..64")

  localparam int Levels = N == 1 ? 0 : N <= 4 ? 1 : N <= 16 ? 2 : 3;
  localparam int Leaves = 4 ** Levels;

  // Level l has Leaves / 4**l nodes, each with an index of 2 * l bits and a constant 0 below it.
  for (genvar l = 0; l <= Levels; l++) begin : g_level
    localparam int Nodes = Leaves / 4 ** l;
    localparam int IndexBits = 2 * l + 1;
    logic [Nodes-1:0]           valid;
    logic [Nodes*IndexBits-1:0] index;
    logic [Nodes*DATA_BITS-1:0] act;
    if (l == 0) begin : g_leaves
      assign valid = Leaves'(valid_i);
      assign index = '0;
      assign act = (Leaves*DATA_BITS)'(act_i);
    end else begin : g_inner
      for (genvar k = 0; k < Nodes; k++) begin : g_node
        lnzd_node #(
          .INDEX_BITS(IndexBits - 2),
          .DATA_BITS (DATA_BITS)
        ) u_node (
          .valid_i(g_level[l-1].valid[4*k +: 4]),
          .index_i(g_level[l-1].index[4*k*(IndexBits-2) +: 4*(IndexBits-2)]),
          .act_i  (g_level[l-1].act[4*k*DATA_BITS +: 4*DATA_BITS]),
          .valid_o(valid[k]),
          .index_o(index[k*IndexBits +: IndexBits]),
          .act_o  (act[k*DATA_BITS +: DATA_BITS])
        );
      end
    end
  end

  assign valid_o = g_level[Levels].valid;
  // The bits above the constant 0; a single PE has none.
  assign bank_o = BANK_BITS'({1'b0, g_level[Levels].index} >> 1);
  assign act_o = g_level[Levels].act;

endmodule
