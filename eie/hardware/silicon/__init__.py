"""The RTL in standard cells: synthesis, timing, simulation gate by gate, and power.

The project has no library of cells: users bring one whose licence they accept.
"""
