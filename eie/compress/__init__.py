"""Deep Compression (Han, Mao and Dally, ICLR 2016): pruning, weight sharing and Huffman coding, and their exact size.

`prune`, `share` and `train` work on any PyTorch module with Linear, Conv2d and LSTM layers; `huffman`, `stream` and
`sizes` need no PyTorch. Nothing here knows of hardware.
"""
