"""What is asked for: a sentence, the terms in it, a picture or several per term, and the files that hold them."""

from .files import read_scene
from .scene import Asset, Pictures, Scene, imagined, slug, unique_slugs

__all__ = ["Asset", "Pictures", "Scene", "imagined", "read_scene", "slug", "unique_slugs"]
