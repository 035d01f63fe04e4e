"""Whole networks: operations, import from files, encoding, evaluation and reports.

It may import explore, compress and formats.
"""
