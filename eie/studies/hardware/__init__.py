"""What the chapter on the hardware shows: the synthesised PE beside Table II, its code, and its waveforms."""
