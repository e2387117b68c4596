"""Where networks are fitted: on the CPU with NumPy and SciPy, or on an NVIDIA GPU with CuPy, which has their interface.

A GPU is taken only when it computes what the CPU does: a wrong driver must not make a wrong model.
"""

import numpy as np
import scipy.sparse


class Cpu:
    """Arrays in memory."""

    name = "CPU"
    on_host = True
    # Rows of a parameter that are updated together: so many that they and what is computed of them stay in the cache.
    rows_at_once = 8192

    @staticmethod
    def put(array):
        return array

    @staticmethod
    def matrix(csr):
        return csr

    @staticmethod
    def get(array):
        return array


class Gpu:
    """Arrays on a GPU. NumPy's functions given such arrays compute there."""

    on_host = False
    rows_at_once = 1 << 30

    def __init__(self):
        import cupy
        import cupyx.scipy.sparse

        if not cupy.cuda.is_available():
            raise RuntimeError("CUDA finds no GPU")
        properties = cupy.cuda.runtime.getDeviceProperties(0)
        self.name = properties["name"].decode()
        self.put, self.get = cupy.asarray, cupy.asnumpy
        self.matrix = cupyx.scipy.sparse.csr_matrix


def choose(say, check):
    """A GPU when there is one for which `check` gives what it gives for the CPU, an array; the CPU otherwise. Without CuPy, which
    is installed where there is an NVIDIA driver, nothing is said."""
    try:
        gpu = Gpu()
        if not np.allclose(check(gpu), check(Cpu), rtol=1e-3, atol=1e-5):
            raise RuntimeError("it computes something else than the CPU")
    except ModuleNotFoundError:
        return Cpu
    except Exception as error:  # CuPy raises classes of its own, and those of each CUDA library.
        say(f"the GPU is not used: {type(error).__name__}: {error}")
        return Cpu
    say(f"fitting on {gpu.name}")
    return gpu


def example(rows=64, columns=96, seed=1):
    """A small matrix like those of scripts, for a check."""
    rng = np.random.default_rng(seed)
    return scipy.sparse.random(rows, columns, 0.1, "csr", np.float32, rng, lambda n: np.ones(n, np.float32))
