"""Results of this project: the paper, the retrospective, baselines, claims and pages.

Only the command line imports it.
"""
