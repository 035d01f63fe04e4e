"""Synthetic layers, the nine benchmarks, many machines at once and whole design spaces.

It imports only the machine.
"""
