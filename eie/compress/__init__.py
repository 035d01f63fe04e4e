"""Deep Compression (Han, Mao and Dally, ICLR 2016): pruning, weight sharing, Huffman coding, their sizes, and LeNets.

It may import the machine's layer and helpers, formats and datasets; `huffman`, `stream` and `sizes` need no PyTorch.
"""
