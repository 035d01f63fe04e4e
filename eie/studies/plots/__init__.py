"""The house style, the kinds of plot, and the numbers that each plot carries.

It imports no exhibit.
"""
