"""Data made by others: the catalogue, where each data set comes from, download and unpacking.

It imports the machine's helpers only.
"""
