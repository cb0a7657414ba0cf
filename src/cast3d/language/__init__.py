"""Models that are asked in words and pictures over HTTP: judges of results, and the one that names a model's parts."""
