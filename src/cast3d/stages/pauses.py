"""The points at which a run may stop, so that a person can look and change something."""

# After the pictures are cut out, after the hints are found. A stage goes by its name.
PICTURES, HINTS = PAUSES = ("pictures", "hints")
