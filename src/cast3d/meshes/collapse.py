"""Edge collapse by quadric errors (Garland and Heckbert 1997) that keeps a surface a surface.

An edge is collapsed only if three things hold: the topology stays (the link condition of Dey et al. 1999: the ends
share no neighbours but the corners opposite the edge), no triangle turns over, and the surface moves little. So a
closed mesh with two triangles at every edge stays one, however few triangles are asked for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def collapse(
    vertices: NDArray[np.float64],  # [V, 3]
    faces: NDArray[np.int64],  # [F, 3]
    target: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A mesh with `target` triangles or one less; with more if the surface allows no fewer."""
    from ._collapse import simplified

    points, triangles = simplified(vertices.copy(), faces.copy(), target)
    used, index = np.unique(triangles, return_inverse=True)
    return points[used], index.reshape(-1, 3)
