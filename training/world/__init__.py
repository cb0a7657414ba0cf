"""Everyday things and people: prepared packs as banks of shapes."""
