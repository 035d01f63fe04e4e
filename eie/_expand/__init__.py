"""A bitmap and packed codes, which a processor with AVX-512 VBMI2 and VNNI expands 64 rows at a time.

Of 64 rows of a column, one bit each says which weights are kept; their codes follow one another, two per byte. One
instruction spreads the codes out to the rows, so that no row has to be worked out from the one before it, as EIE's
relative indices ask for. `can_expand` says whether this processor has the instructions. On any other, and where the
environment variable `EIE_EXPAND` is 0, plain loops over the bits give the same numbers.
"""
