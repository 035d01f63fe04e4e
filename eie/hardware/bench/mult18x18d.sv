// The ECP5's multiplier as yosys uses it here: 18 x 18 bits, signed or not, without any of its registers.
module MULT18X18D (
  input  logic
    A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0, /// first factor
  input  logic
    B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0, /// second factor
  input  logic
    C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0, /// third input, which is not used
  input  logic SIGNEDA, /// the first factor is signed
  input  logic SIGNEDB, /// the second factor is signed
  input  logic SOURCEA, /// the first factor comes from a neighbour; 0
  input  logic SOURCEB, /// the second factor comes from a neighbour; 0
  output logic
    P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14,
    P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0 /// product
);

  logic signed [18:0] first, second;

  assign first = {SIGNEDA && A17, A17, A16, A15, A14, A13, A12, A11, A10, A9,
                  A8, A7, A6, A5, A4, A3, A2, A1, A0};
  assign second = {SIGNEDB && B17, B17, B16, B15, B14, B13, B12, B11, B10, B9,
                   B8, B7, B6, B5, B4, B3, B2, B1, B0};
  assign {
    P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14,
    P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
  } = 36'(first * second);

endmodule
