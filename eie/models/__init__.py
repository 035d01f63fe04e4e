"""Real networks: a translator, a text recogniser, convolutional backbones and SqueezeNet.

It may import the machine, networks, compress, formats and datasets.
"""
