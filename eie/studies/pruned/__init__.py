"""Real pruned layers: thousands of matrices on the machine, and the spread of synthetic layers fitted to them.

It imports no exhibit.
"""
