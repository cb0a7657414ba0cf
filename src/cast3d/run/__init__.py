"""How results are kept and found again: the run folder, its stages, its lock, what each stage cost."""
