"""Kernels that add up a layer's products: plain loops for any processor, and bitmaps for one with AVX-512.

Of 64 rows of a column, a bitmap has one bit each, which says whether the weight is kept; the codes of the kept ones
follow one another, two per byte. One instruction (AVX-512 VBMI2 and VNNI) spreads the codes out to the rows, so no row
has to be worked out from the one before it, as EIE's relative indices ask for. `can_expand` says whether this processor
has the instructions. On any other, and where the environment variable `EIE_EXPAND` is 0, `infer` uses the loops of
`plain`, and the baseline plain loops over the bits: the numbers are the same.
"""
