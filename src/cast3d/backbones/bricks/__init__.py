"""The small backbone that this package ships: its networks, its words, its namer, its segmenter."""
