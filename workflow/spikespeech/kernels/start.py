"""Numba, without the SciPy that it looks for when it loads its first kernel.

No kernel multiplies matrices, and importing SciPy's BLAS would be a fifth of what a short job
needs to start.
"""

import sys

_BLAS = "scipy.linalg.cython_blas"

if "numba.np.arraymath" not in sys.modules and _BLAS not in sys.modules:
    sys.modules[_BLAS] = None  # to an import it is missing
    try:
        import numba.np.arraymath  # noqa: F401 - it looks once
    finally:
        del sys.modules[_BLAS]
