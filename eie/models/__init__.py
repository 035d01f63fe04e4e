"""Real networks: a translator, a text recogniser, convolutional backbones and SqueezeNet.

It may import networks, datasets, compress and formats.
"""
