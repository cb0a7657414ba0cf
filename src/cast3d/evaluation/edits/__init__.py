"""Edits of models that exist, measured: suites with truth before and after, methods, and what is measured of them."""
