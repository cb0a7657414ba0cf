"""Backbones: pretrained networks with their conditioners, normalisation and method defaults."""

from .backbone import Backbone
from .conditions import Condition, Guided
from .folder import load_backbone
from .loading import Loading

__all__ = ["Backbone", "Condition", "Guided", "Loading", "load_backbone"]
