"""The time grid and the straight path of a rectified flow.

t        noise level: 0 clean, 1 noise
i        level index: t[0] = 0 … t[N] = 1, so "start at level n" keeps n steps (n_max of the paper)
x_t      (1-t) x_0 + t ε, the forward process (paper section 4.2)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError


def times(steps: int = 25, rescale: float = 3.0) -> Tensor:
    """The grid t_i = r u_i / (1 + (r-1) u_i), u_i = i / steps, as float64 [steps + 1].

    `rescale` r > 1 spends more of the steps near the noise. 25 steps and r = 3 are TRELLIS's.
    """
    if steps < 1 or not 0 < rescale < float("inf"):
        raise InputError(f"times(steps={steps}, rescale={rescale}): steps must be at least 1 and rescale positive")
    # Counted down from 1, as the released samplers do: counting up moves some levels by one ulp,
    # and a level that is exactly 0.5 decides whether a guidance interval [0.5, 1] contains it.
    u = np.linspace(1.0, 0.0, steps + 1)
    return torch.from_numpy((rescale * u / (1 + (rescale - 1) * u))[::-1].copy())


def noised(x0: Tensor, noise: Tensor, t: float) -> Tensor:
    """The forward process x_t = (1-t) x_0 + t ε."""
    return (1 - t) * x0 + t * noise
