"""Data made by others: the catalogue, the source of each data set, download and unpacking.

It may import the machine's private helpers only.
"""
