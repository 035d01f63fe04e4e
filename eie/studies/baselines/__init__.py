"""CPU and GPU baselines, measured here or published.

It imports no exhibit.
"""
