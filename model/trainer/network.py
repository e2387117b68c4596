"""The network: an embedding of hashed features, summed, and two small layers. Plain NumPy and SciPy, so that a
training run is the same to the last digit wherever it is repeated.

    y = sum(E[features]) / sqrt(known features);  h = relu(y[:D] W1 + b1);  out = sigmoid([h, y[D]] W2 + b2)

The last column of E is a linear path around the hidden layer. Outputs: malicious, then one per technique.
"""

import numpy as np
import scipy.sparse as sparse

BUCKETS = 1 << 18


def matrix(windows):
    """A CSR matrix of windows with a one for each feature."""
    sizes = np.array([len(w) for w in windows])
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    indices = np.concatenate(windows).astype(np.int32)
    return sparse.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=(len(windows), BUCKETS))


def known_only(x, known):
    """The matrix without features that were not learnt, each row scaled by 1/sqrt(features left)."""
    keep = known[x.indices]
    counts = np.diff(np.concatenate([[0], np.cumsum(keep)])[x.indptr])
    scale = 1.0 / np.sqrt(np.maximum(counts, 1))
    data = np.repeat(scale, counts).astype(np.float32)
    return sparse.csr_matrix((data, x.indices[keep], np.concatenate([[0], np.cumsum(counts)])), shape=x.shape)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-np.clip(x, -30, 30)))


class Network:
    """Parameters, forward pass, gradients and Adam."""

    def __init__(self, outputs, dims=8, hidden=48, seed=1):
        rng = np.random.default_rng(seed)
        self.dims = dims
        self.p = {
            "E": np.concatenate(
                [rng.normal(0, 0.1, (BUCKETS, dims)), np.zeros((BUCKETS, 1))], axis=1
            ).astype(np.float32),
            "W1": rng.normal(0, 1 / np.sqrt(dims), (dims, hidden)).astype(np.float32),
            "b1": np.zeros(hidden, np.float32),
            "W2": rng.normal(0, 0.5 / np.sqrt(hidden), (hidden + 1, outputs)).astype(np.float32),
            "b2": np.full(outputs, -2.0, np.float32),
        }
        self.p["W2"][-1, 0] = 1.0
        self.m = {k: np.zeros_like(v) for k, v in self.p.items()}
        self.v = {k: np.zeros_like(v) for k, v in self.p.items()}
        self.step = 0

    def learn_only(self, known):
        """Features outside of this mask stay without effect."""
        self.known = known
        self.p["E"] *= known[:, None]

    def forward(self, x):
        y = x @ self.p["E"]
        z = y[:, : self.dims] @ self.p["W1"] + self.p["b1"]
        h = np.concatenate([np.maximum(z, 0), y[:, self.dims :]], axis=1)
        return y, z, h, h @ self.p["W2"] + self.p["b2"]

    def logits(self, x, batch=8192):
        return np.concatenate([self.forward(x[i : i + batch])[3] for i in range(0, x.shape[0], batch)])

    def train(self, x, target, weight, rate, decay):
        """One Adam step on a batch. `target` and `weight` have a column for each output."""
        y, z, h, out = self.forward(x)
        g = (sigmoid(out) - target) * weight / x.shape[0]
        grads = {"W2": h.T @ g, "b2": g.sum(0)}
        gh = g @ self.p["W2"].T
        gz = gh[:, :-1] * (z > 0)
        grads["W1"], grads["b1"] = y[:, : self.dims].T @ gz, gz.sum(0)
        gy = np.concatenate([gz @ self.p["W1"].T, gh[:, -1:]], axis=1)
        grads["E"] = np.asarray(x.T.tocsr() @ gy)
        self.step += 1
        for k, grad in grads.items():
            m, v, p = self.m[k], self.v[k], self.p[k]
            m *= 0.9
            m += 0.1 * grad
            v *= 0.999
            v += 0.001 * np.square(grad)
            scale = rate * np.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step)
            p -= scale * m / (np.sqrt(v) + 1e-8)
            if k == "E":
                p *= 1 - rate * decay
