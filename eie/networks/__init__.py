"""Whole networks: operations, import from files, encoding, evaluation and reports.

It may import the machine, explore, compress, formats and datasets.
"""
