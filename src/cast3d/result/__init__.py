"""What comes out: parts with meshes, splats and voxels, the files made of them, pictures, the report."""
