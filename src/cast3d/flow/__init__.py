"""Rectified-flow mathematics; it knows nothing of 3D. `docs/flow.md` is the one-page guide.

A velocity is any function v(x, t) with t a Python float in [0, 1]: 0 clean, 1 noise. Arithmetic runs in the dtype of x,
at least float32, and results have the dtype of x. Levels are indices into a grid `t` whose level 0 is clean.
"""

from .draws import Draws, drawn, noise, side_by_side
from .editors import Edited, flowalign, flowedit, invert, ode_inversion, rf_inversion, rf_invert, sdedit
from .guidance import combine, cycled, guided, mean_of, turn
from .levels import Grid, OnStep
from .sampling import sample
from .sde import clean_prediction, diffusion_coefficient, drift, noise_prediction, sample_sde, score
from .stm import Mapper, Static, Step, Trajectory, TrajectoryGenerator, flowalign_mapper, flowedit_mapper, identity, stm
from .times import noised, times
from .velocities import Pair, Velocity, pair_of

__all__ = [
    "Draws",
    "Edited",
    "Grid",
    "Mapper",
    "OnStep",
    "Pair",
    "Static",
    "Step",
    "Trajectory",
    "TrajectoryGenerator",
    "Velocity",
    "clean_prediction",
    "combine",
    "cycled",
    "diffusion_coefficient",
    "drawn",
    "drift",
    "flowalign",
    "flowalign_mapper",
    "flowedit",
    "flowedit_mapper",
    "guided",
    "identity",
    "invert",
    "mean_of",
    "noise",
    "noise_prediction",
    "noised",
    "ode_inversion",
    "pair_of",
    "rf_inversion",
    "rf_invert",
    "sample",
    "sample_sde",
    "score",
    "sdedit",
    "side_by_side",
    "stm",
    "times",
    "turn",
]
