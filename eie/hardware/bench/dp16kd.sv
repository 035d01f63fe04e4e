// The ECP5's block RAM as yosys uses it here: two ports of 18 bits, or one that writes and one that reads 36, without
// its output registers. Other settings end the simulation.
module DP16KD #(
  parameter int DATA_WIDTH_A = 18,          /// bits of port A
  parameter int DATA_WIDTH_B = 18,          /// bits of port B
  parameter REGMODE_A              = "NOREG",     /// output register of port A
  parameter REGMODE_B              = "NOREG",     /// output register of port B
  parameter RESETMODE              = "SYNC",      /// of the output registers
  parameter ASYNC_RESET_RELEASE    = "SYNC",      /// of the output registers
  parameter CSDECODE_A             = "0b000",     /// chip select of port A
  parameter CSDECODE_B             = "0b000",     /// chip select of port B
  parameter WRITEMODE_A            = "NORMAL",    /// what port A shows while it writes
  parameter WRITEMODE_B            = "NORMAL",    /// what port B shows while it writes
  parameter CLKAMUX                = "CLKA",      /// clock of port A
  parameter CLKBMUX                = "CLKB",      /// clock of port B
  parameter GSR                    = "AUTO",      /// global reset
  parameter [319:0] INITVAL_00 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_01 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_02 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_03 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_04 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_05 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_06 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_07 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_08 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_09 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_0A = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_0B = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_0C = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_0D = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_0E = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_0F = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_10 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_11 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_12 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_13 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_14 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_15 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_16 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_17 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_18 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_19 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_1A = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_1B = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_1C = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_1D = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_1E = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_1F = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_20 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_21 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_22 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_23 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_24 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_25 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_26 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_27 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_28 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_29 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_2A = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_2B = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_2C = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_2D = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_2E = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_2F = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_30 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_31 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_32 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_33 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_34 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_35 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_36 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_37 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_38 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_39 = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_3A = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_3B = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_3C = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_3D = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_3E = 320'h0, /// start values, which are not used
  parameter [319:0] INITVAL_3F = 320'h0  /// start values, which are not used
) (
  input  logic
    ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0, /// address of port A; in words of 18 bits, the lowest two enable the writing of 9 bits each
  input  logic
    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1,
    DIA0, /// word to write
  output logic
    DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1,
    DOA0, /// word of the latest read
  input  logic CEA, OCEA, CLKA, WEA, RSTA, CSA0, CSA1, CSA2, /// control of port A
  input  logic
    ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0, /// address of port B; in words of 18 bits, the lowest two enable the writing of 9 bits each
  input  logic
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1,
    DIB0, /// word to write
  output logic
    DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1,
    DOB0, /// word of the latest read
  input  logic CEB, OCEB, CLKB, WEB, RSTB, CSB0, CSB1, CSB2 /// control of port B
);

  // Words of 18 bits, as the memory has them; a word of 36 bits is two of them, port A's the lower one.
  logic [17:0] mem [1024];
  logic [17:0] in_a, in_b, out_a, out_b;
  logic [13:0] at_a, at_b;

  assign at_a = {
    ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0
  };
  assign in_a = {
    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1,
    DIA0
  };
  assign {
    DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1,
    DOA0
  } = out_a;
  assign at_b = {
    ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0
  };
  assign in_b = {
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1,
    DIB0
  };
  assign {
    DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1,
    DOB0
  } = out_b;

  initial begin
    if (DATA_WIDTH_A != DATA_WIDTH_B || (DATA_WIDTH_A != 18 && DATA_WIDTH_A != 36)) $fatal(1, "width is not known");
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG") $fatal(1, "output registers are not known");
  end

  if (DATA_WIDTH_A == 36) begin : g_wide
    // Port A writes and port B reads.
    always @(posedge CLKA) begin
      if (CEA && WEA) begin
        if (at_a[0]) mem[{at_a[13:5], 1'b0}][8:0] <= in_a[8:0];
        if (at_a[1]) mem[{at_a[13:5], 1'b0}][17:9] <= in_a[17:9];
        if (at_a[2]) mem[{at_a[13:5], 1'b1}][8:0] <= in_b[8:0];
        if (at_a[3]) mem[{at_a[13:5], 1'b1}][17:9] <= in_b[17:9];
      end
    end
    always @(posedge CLKB) begin
      if (CEB && !WEB) {out_b, out_a} <= {mem[{at_b[13:5], 1'b1}], mem[{at_b[13:5], 1'b0}]};
    end
  end else begin : g_two
    always @(posedge CLKA) begin
      if (CEA && WEA) begin
        if (at_a[0]) mem[at_a[13:4]][8:0] <= in_a[8:0];
        if (at_a[1]) mem[at_a[13:4]][17:9] <= in_a[17:9];
      end
      if (CEA && !WEA) out_a <= mem[at_a[13:4]];
    end
    always @(posedge CLKB) begin
      if (CEB && WEB) begin
        if (at_b[0]) mem[at_b[13:4]][8:0] <= in_b[8:0];
        if (at_b[1]) mem[at_b[13:4]][17:9] <= in_b[17:9];
      end
      if (CEB && !WEB) out_b <= mem[at_b[13:4]];
    end
  end

endmodule
