"""Kernels that add up a layer's products: plain loops for any processor, and bitmaps for one with AVX-512.

A bitmap has one bit for every two rows of a column, which says whether a weight of either is kept. The codes of two
rows share a byte, and the bytes of 128 rows follow the word of the bitmap that belongs to them. One instruction
(AVX-512 VBMI2) spreads the bytes out to the rows, so no row has to be worked out from the one before it, as EIE's
relative indices ask for. `can_expand` says whether this processor has the instruction. On any other, and where the
environment variable `EIE_EXPAND` is 0, `infer` uses the loops of `plain`: the numbers are the same.
"""
