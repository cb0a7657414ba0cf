"""Models that exist already: files are checked, read as surfaces with colours, and written back with other parts."""
