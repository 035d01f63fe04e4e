// `REQUIRE(OK, MESSAGE) stops elaboration when a module's parameters are out of range.
`ifndef REQUIRE
`ifdef __ICARUS__
// Icarus 11 knows no elaboration tasks; there the simulation stops at its start.
`define REQUIRE(OK, MESSAGE) initial if (!(OK)) $fatal(1, MESSAGE);
`else
`define REQUIRE(OK, MESSAGE) if (!(OK)) $error(MESSAGE);
`endif
`endif
