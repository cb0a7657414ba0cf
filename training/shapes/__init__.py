"""Objects made by rule: tens of thousands of shapes with names, straight as voxels and surface samples."""
