"""The halves of Fig. 3 under which stages are shown, and what is shown beside them."""

HINTING, GENERATION = "3D layout hinting", "Compositional generation"
EXISTING = "The model as it is"  # of an edit, in place of the first half
ALONE = "Stages"  # of one object without parts
