"""Experiments that decide what the training steps do: one command each, their tables in the model card."""
