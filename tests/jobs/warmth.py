"""Imported by the process that `WarmSlot` forks: one composition loads, draws and compiles all."""

from __future__ import annotations

import tempfile
import threading

import torch

from cast3d.composer import Composer
from tests.quick import small_pictures, unsynced
from tests.tiny_backbone import PROMPT, pictures, tiny_backbone

torch.set_num_threads(1)
small_pictures()
unsynced()
with tempfile.TemporaryDirectory() as folder:
    Composer(tiny_backbone()).compose(PROMPT, pictures(), out=folder)
assert threading.active_count() == 1  # a fork has the first thread alone
