"""A small standard-cell library of round numbers, written for these tests."""

LICENCE = "Cells for tests.\nAnyone may use them."
_GATES = {
    "INV_X1": ("!A", "A", 1.0),
    "BUF_X1": ("A", "A", 1.5),
    "BUF_X2": ("A", "A", 2.0),
    "NAND2_X1": ("!(A & B)", "AB", 2.0),
    "NOR2_X1": ("(A + B)'", "AB", 2.0),
    "XOR2_X1": ("A ^ B", "AB", 3.0),
    "LOGIC0_X1": ("0", "", 0.5),
    "LOGIC1_X1": ("1", "", 0.5),
}
_SENSES = {"INV": "negative_unate", "NAN": "negative_unate", "NOR": "negative_unate", "BUF": "positive_unate"}


def _table(kind, template, first, per_load):
    """Give a table that grows with the load only."""
    far = first + 100 * per_load
    return f'{kind}({template}) {{ values ("{first}, {far}", "{first}, {far}"); }}'


def _timing(related, kind, sense, delay):
    tables = [_table(f"cell_{way}", "over_both", delay, 0.001) for way in ("rise", "fall")]
    tables += [_table(f"{way}_transition", "over_both", 0.02, 0.0) for way in ("rise", "fall")]
    return (
        f'timing () {{ related_pin : "{related}"; timing_type : {kind}; timing_sense : {sense}; {" ".join(tables)} }}'
    )


def _power(related, rise, fall, when=""):
    state = f'when : "{when}"; ' if when else ""
    tables = f"{_table('rise_power', 'over_both', rise, 0)} {_table('fall_power', 'over_both', fall, 0)}"
    return f'internal_power () {{ related_pin : "{related}"; {state}{tables} }}'


def _input(name, load=1.0, more=""):
    return f"pin ({name}) {{ direction : input; capacitance : {load}; {more} }}"


def _gate(name, function, inputs, area):
    sense = _SENSES.get(name[:3], "non_unate")
    arcs = " ".join(_timing(pin, "combinational", sense, 0.01) + _power(pin, 2.0, 4.0) for pin in inputs)
    pins = " ".join(_input(pin) for pin in inputs)
    out = f'pin (Z) {{ direction : output; function : "{function}"; {arcs} }}'
    return f"cell ({name}) {{ area : {area}; cell_leakage_power : 10; {pins} {out} }}"


def _flop(name, area):
    setup = (
        'timing () { related_pin : "C"; timing_type : setup_rising;'
        ' rise_constraint(setup) { values ("0.03, 0.03", "0.03, 0.03"); }'
        ' fall_constraint(setup) { values ("0.05, 0.05", "0.05, 0.05"); } }'
    )
    data = _input("D", more=setup + _power("", 1.0, 1.0, "!C") + _power("", 0.0, 0.0, "C"))
    clock = _input("C", 0.5, "clock : true;" + _power("", 3.0, 5.0))
    out = 'pin (Q) { direction : output; function : "S"; ' + _timing("C", "rising_edge", "non_unate", 0.1)
    out += _power("C", 6.0, 8.0) + " }"
    state = 'ff ("S", "SN") { next_state : "D"; clocked_on : "C"; }'
    return f"cell ({name}) {{ area : {area}; cell_leakage_power : 20; {state} {data} {clock} {out} }}"


def _clock_gate():
    enable = _input(
        "E",
        more='clock_gate_enable_pin : true; timing () { related_pin : "C"; timing_type : setup_rising;'
        ' rise_constraint(setup) { values ("0.1, 0.1", "0.1, 0.1"); }'
        ' fall_constraint(setup) { values ("0.1, 0.1", "0.1, 0.1"); } }',
    )
    clock = _input("C", 0.5, "clock_gate_clock_pin : true;" + _power("", 2.0, 2.0))
    out = 'pin (G) { direction : output; clock_gate_out_pin : true; state_function : "C & H"; '
    out += _timing("C", "combinational", "positive_unate", 0.05) + _power("C", 4.0, 4.0) + " }"
    kind = "clock_gating_integrated_cell : latch_posedge;"
    states = 'statetable ("C E", "H") { table : "L L : - : L, L H : - : H, H - : - : N"; }'
    return f"cell (GATE_X1) {{ area : 4; cell_leakage_power : 30; {kind} {states} {enable} {clock} {out} }}"


def text():
    """Give the library as a Liberty file."""
    comment = "\n".join(f" * {line}" for line in LICENCE.splitlines())
    both = 'index_1 ("0, 1"); index_2 ("0, 100");'
    head = (
        'time_unit : "1ns"; leakage_power_unit : "1nW"; capacitive_load_unit (1, ff); nom_voltage : 1; '
        'nom_temperature : 25; default_wire_load : "guess"; '
        "operating_conditions (usual) { voltage : 1.0; temperature : 25; } "
        'wire_load ("guess") { capacitance : 2; slope : 1; fanout_length (1, 1); fanout_length (2, 3); } '
        "lu_table_template (over_both) { variable_1 : input_net_transition; variable_2 : total_output_net_capacitance; "
        f"{both} }} lu_table_template (setup) {{ variable_1 : constrained_pin_transition; "
        'variable_2 : related_pin_transition; index_1 ("0, 1"); index_2 ("0, 1"); }'
    )
    cells = [_gate(name, *rest) for name, rest in _GATES.items()]
    cells += [_flop("DFF_X1", 6.0), _flop("DFF_X2", 7.0), _clock_gate()]
    body = "\n".join(cells)
    return f"/*\n{comment}\n */\nlibrary (toy) {{\n{head}\n{body}\n}}\n"
