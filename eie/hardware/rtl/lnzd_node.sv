// A node of the leading non-zero detection quadtree (ISCA 2016, section IV): of four children it passes on the first
// that has a non-zero activation, and says which one it was.
//
//   valid_i = 4'b1100, child 2 has index 3 and activation 7:   valid_o = 1, index_o = {2'd2, 3}, act_o = 7
//   valid_i = 4'b0000:                                         valid_o = 0
`include "require.svh"

module lnzd_node #(
  parameter int INDEX_BITS = 2, /// bits of a child's own index, 1 or more; a leaf's index is constant
  parameter int DATA_BITS = 16  /// bits of an activation
) (
  input  logic [3:0]              valid_i, /// child k has found a non-zero activation
  input  logic [4*INDEX_BITS-1:0] index_i, /// where child k found it, child 0 in the lowest bits
  input  logic [4*DATA_BITS-1:0]  act_i,   /// what child k found, child 0 in the lowest bits
  output logic                    valid_o, /// some child has found one
  output logic [INDEX_BITS+1:0]   index_o, /// the first child that has, and its index
  output logic [DATA_BITS-1:0]    act_o    /// what that child found
);

  `REQUIRE(INDEX_BITS >= 1 && DATA_BITS >= 2, "INDEX_BITS must be 1 or more and DATA_BITS 2 or more")

  logic [1:0] first;

  assign first[1] = !valid_i[0] && !valid_i[1];
  assign first[0] = !valid_i[0] && (valid_i[1] || !valid_i[2]);

  assign valid_o = |valid_i;
  assign index_o = {first, index_i[first*INDEX_BITS +: INDEX_BITS]};
  assign act_o = act_i[first*DATA_BITS +: DATA_BITS];

endmodule
