"""The command line: one module per group of commands.

It may import everything; nothing imports it.
"""
