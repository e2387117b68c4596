"""The network: an embedding of hashed features, summed, and two small layers. Plain NumPy and SciPy, so that a
training run is the same to the last digit wherever it is repeated.

    y = sum(E[features]) / sqrt(known features + PRIOR);  h = relu(y[:D] W1 + b1);  out = sigmoid([h, y[D]] W2 + b2)

The last column of E is a linear path around the hidden layer. Outputs: malicious, then one per technique. Several networks
that were fitted alike are one network, with their columns and layers side by side, whose logits are the mean of theirs.
"""

import numpy as np
import scipy.sparse as sparse
from scipy.linalg import block_diag

from .device import Cpu

BUCKETS = 1 << 20
# As if a part had so many features more that say nothing: a short one must not look bad, or good, by two or three.
PRIOR = 10.0


def matrix(windows):
    """A CSR matrix of windows with a one for each feature."""
    sizes = np.array([len(w) for w in windows])
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    indices = np.concatenate(windows).astype(np.int32)
    return sparse.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=(len(windows), BUCKETS))


def column_of(known):
    """For each feature its column among those that are known; of one that is not known it says nothing."""
    return (np.cumsum(known) - 1).astype(np.int32)


def known_only(x, known):
    """The matrix with a column for each known feature only, each row scaled by 1/sqrt(features left + PRIOR)."""
    keep = known[x.indices]
    counts = np.zeros(x.shape[0], np.int64)
    filled = np.flatnonzero(np.diff(x.indptr))
    counts[filled] = np.add.reduceat(keep, x.indptr[filled], dtype=np.int64)
    scale = (1.0 / np.sqrt(counts + PRIOR)).astype(np.float32)
    columns = column_of(known)[x.indices[keep]]
    return sparse.csr_matrix((np.repeat(scale, counts), columns, np.concatenate([[0], np.cumsum(counts)])), shape=(x.shape[0], int(known.sum())))


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-np.clip(x, -30, 30)))


class Network:
    """Parameters, forward pass, gradients and Adam. Only the features in the mask `known` have a row in E and an effect."""

    def __init__(self, known, outputs, dims=8, hidden=48, seed=1, device=Cpu):
        rng = np.random.default_rng(seed)
        self.dims, self.known, self.device = dims, known, device
        self.p = {
            "E": np.concatenate([rng.normal(0, 0.1, (known.sum(), dims)), np.zeros((known.sum(), 1))], axis=1).astype(np.float32),
            "W1": rng.normal(0, 1 / np.sqrt(dims), (dims, hidden)).astype(np.float32),
            "b1": np.zeros(hidden, np.float32),
            "W2": rng.normal(0, 0.5 / np.sqrt(hidden), (hidden + 1, outputs)).astype(np.float32),
            "b2": np.full(outputs, -2.0, np.float32),
        }
        self.p["W2"][-1, 0] = 1.0
        self.p = {k: device.put(v) for k, v in self.p.items()}
        self.m = {k: np.zeros_like(v) for k, v in self.p.items()}
        self.v = {k: np.zeros_like(v) for k, v in self.p.items()}
        self.step = 0

    @classmethod
    def mean(cls, networks):
        """One network with the mean logits of several that know the same features. The embedding is rounded as the model's file
        holds it, to half precision: twice as many networks find room."""
        one = cls.__new__(cls)
        one.device = Cpu
        one.known, one.dims = networks[0].known, sum(n.dims for n in networks)
        parts = [n.p for n in networks]
        dense, linear = [p["E"][:, : n.dims] for n, p in zip(networks, parts)], [p["E"][:, n.dims :] for n, p in zip(networks, parts)]
        hidden = [len(p["b1"]) for p in parts]
        one.p = {
            "E": np.concatenate(dense + linear, axis=1).astype(np.float16).astype(np.float32),
            "W1": block_diag(*[p["W1"] for p in parts]),
            "b1": np.concatenate([p["b1"] for p in parts]),
            "W2": np.concatenate([p["W2"][:h] for p, h in zip(parts, hidden)] + [p["W2"][h:] for p, h in zip(parts, hidden)])
            / np.float32(len(parts)),
            "b2": np.mean([p["b2"] for p in parts], axis=0),
        }
        return one

    def to_host(self):
        """Brings the parameters into memory; there the network computes from now on, and learns no more."""
        self.p = {k: self.device.get(v) for k, v in self.p.items()}
        self.m = self.v = None
        self.device = Cpu

    def forward(self, x):
        y = x @ self.p["E"]
        z = y[:, : self.dims] @ self.p["W1"] + self.p["b1"]
        h = np.concatenate([np.maximum(z, 0), y[:, self.dims :]], axis=1)
        return y, z, h, h @ self.p["W2"] + self.p["b2"]

    def logits(self, x, batch=8192):
        """Of each row, in memory. `x` lies where the network does."""
        return np.concatenate([self.device.get(self.forward(x[i : i + batch])[3]) for i in range(0, x.shape[0], batch)])

    def train(self, x, target, weight, rate, decay):
        """One Adam step on a batch. `target` and `weight` have a column for each output."""
        y, z, h, out = self.forward(x)
        g = (sigmoid(out) - target) * weight / x.shape[0]
        grads = {"W2": h.T @ g, "b2": g.sum(0)}
        gh = g @ self.p["W2"].T
        gz = gh[:, :-1] * (z > 0)
        grads["W1"], grads["b1"] = y[:, : self.dims].T @ gz, gz.sum(0)
        gy = np.concatenate([gz @ self.p["W1"].T, gh[:, -1:]], axis=1)
        grads["E"] = x.T @ gy
        self.step += 1
        scale = rate * float(np.sqrt(1 - 0.999**self.step)) / (1 - 0.9**self.step)
        for k, grad in grads.items():
            for at in range(0, len(grad), self.device.rows_at_once):
                part = slice(at, at + self.device.rows_at_once)
                m, v, p = self.m[k][part], self.v[k][part], self.p[k][part]
                m *= 0.9
                m += 0.1 * grad[part]
                v *= 0.999
                v += 0.001 * np.square(grad[part])
                p -= scale * m / (np.sqrt(v) + 1e-8)
                if k == "E":
                    p *= 1 - rate * decay
