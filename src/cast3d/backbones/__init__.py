"""Backbones: pretrained networks with their conditioners, normalisation and method defaults."""

from .backbone import Backbone, Condition
from .folder import load_backbone

__all__ = ["Backbone", "Condition", "load_backbone"]
