"""The methods by name, and how to add one: a function from a `Bench` to an `Outcome`."""

from .registry import METHODS, Method, find

__all__ = ["METHODS", "Method", "find"]
