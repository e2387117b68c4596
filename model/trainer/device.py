"""Where networks are fitted: on the CPU with NumPy and SciPy, or on an NVIDIA GPU with CuPy, which has their interface.

A GPU is taken only when it computes what the CPU does: a wrong driver must not make a wrong model. CUDA does not survive a
fork, and networks are fitted in forked processes: each opens the GPU for itself, the process that forks never does.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import scipy.sparse


class Cpu:
    """Arrays in memory."""

    # Rows of a parameter that are updated together: so many that they and what is computed of them stay in the cache.
    rows_at_once = 8192

    @classmethod
    def open(cls):
        return cls

    @staticmethod
    def at_once(_matrix_bytes):
        """How many networks can be fitted side by side to a matrix of that size."""
        return os.cpu_count() or 1

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

    rows_at_once = 1 << 30

    def __init__(self):
        import cupy
        import cupyx.scipy.sparse

        if not cupy.cuda.is_available():
            raise RuntimeError("CUDA finds no GPU")
        properties = cupy.cuda.runtime.getDeviceProperties(0)
        self.name = properties["name"].decode()
        self.bytes_free = cupy.cuda.runtime.memGetInfo()[0]
        self.put, self.get = cupy.asarray, cupy.asnumpy
        self.matrix = cupyx.scipy.sparse.csr_matrix


class Found:
    """A GPU that computes as it should, from a process that does not open it."""

    def __init__(self, bytes_free):
        self.bytes_free = bytes_free

    @staticmethod
    def open():
        return Gpu()

    def at_once(self, matrix_bytes):
        # What is computed of the matrix, and CUDA itself, take about as much again.
        return max(1, self.bytes_free // (2 * matrix_bytes + (1 << 30)))


def choose(say, check):
    """A GPU when there is one for which `check` gives what it gives for the CPU, an array; the CPU otherwise. Without CuPy, which
    is installed where there is an NVIDIA driver, nothing is said."""
    try:
        with forked(1) as process:
            found = process.submit(_try, check).result()
    except Exception as error:  # The process may have died of it.
        found = f"{type(error).__name__}: {error}"
    if found is None:
        return Cpu
    if isinstance(found, str):
        say(f"the GPU is not used: {found}")
        return Cpu
    name, bytes_free = found
    say(f"fitting on {name}")
    return Found(bytes_free)


def _try(check):
    """Name and free memory of the GPU, or what is wrong with it, or nothing where there is no CuPy."""
    try:
        gpu = Gpu()
        if not np.allclose(check(gpu), check(Cpu), rtol=1e-3, atol=1e-5):
            return "it computes something else than the CPU"
    except ModuleNotFoundError:
        return None
    except Exception as error:  # CuPy raises classes of its own, and those of each CUDA library. Not all can be sent.
        return f"{type(error).__name__}: {error}"
    return gpu.name, gpu.bytes_free


def forked(processes):
    """Processes that see all that is in memory without a copy. One that dies is an error, not a wait for ever."""
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork"))


def example(rows=64, columns=96, seed=1):
    """A small matrix like those of scripts, for a check."""
    rng = np.random.default_rng(seed)
    return scipy.sparse.random(rows, columns, 0.1, "csr", np.float32, rng, lambda n: np.ones(n, np.float32))
