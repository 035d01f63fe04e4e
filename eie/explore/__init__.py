"""Synthetic layers, the nine benchmarks, many machines at once and whole design spaces.

It may import the machine only.
"""
