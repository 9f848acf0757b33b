"""Run one training job with one library, and print its measurements as a line of JSON.

The measurements are the seconds of each epoch, the test accuracy, the seconds of the import and the peak memory.
`python -m benchmarks.training` runs this file in the environment of each library. Other libraries' environments do not
contain npserve, so every function imports the library that it needs.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

Arrays = dict[str, Any]
Predict = Callable[[Any], Any]  # inputs -> classes


@dataclass(frozen=True)
class Job:
    """A network with relu, dropout after the first layer, and softmax, trained with the defaults of Adam."""

    widths: tuple[int, ...]
    batch_size: int
    epochs: int
    dropout: float


JOBS = {
    "article": Job((784, 64, 10), 32, 10, 0.2),
    "wide": Job((784, 1024, 1024, 10), 128, 2, 0.0),
    "table": Job((30, 64, 2), 32, 10, 0.2),
}


def npserve(job: Job, data: Arrays, epochs: list[float], seed: int) -> Predict:
    """Train with training.keras, including metrics and callbacks."""
    import training as tf

    return _keras_model(tf.keras, job, data, epochs, seed)


def keras(job: Job, data: Arrays, epochs: list[float], seed: int) -> Predict:
    """Train with Keras on TensorFlow, with the same code."""
    import tensorflow as tf

    return _keras_model(tf.keras, job, data, epochs, seed)


def _keras_model(keras: Any, job: Job, data: Arrays, epochs: list[float], seed: int) -> Predict:
    class Clock(keras.callbacks.Callback):  # type: ignore[misc]  # of either library
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            epochs.append(time.perf_counter() - self.began)

    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((job.widths[0],))])
    for number, units in enumerate(job.widths[1:-1]):
        model.add(keras.layers.Dense(units, activation="relu"))
        if number == 0 and job.dropout:
            model.add(keras.layers.Dropout(job.dropout))
    model.add(keras.layers.Dense(job.widths[-1], activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {"epochs": job.epochs, "batch_size": job.batch_size, "verbose": 0, "callbacks": [Clock()]}
    model.fit(data["x_train"], data["y_train"], **options)
    return lambda x: model.predict(x, verbose=0).argmax(axis=1)


def pytorch(job: Job, data: Arrays, epochs: list[float], seed: int) -> Predict:
    """Train with PyTorch in eager mode, with the fused Adam and without a DataLoader."""
    import torch

    torch.manual_seed(seed)
    layers: list[Any] = []
    for number, (inputs, units) in enumerate(pairwise(job.widths)):
        layers += [torch.nn.Linear(inputs, units)]
        if number < len(job.widths) - 2:
            layers += [torch.nn.ReLU()]
            layers += [torch.nn.Dropout(job.dropout)] if number == 0 and job.dropout else []
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    loss_of = torch.nn.CrossEntropyLoss()
    x, y = torch.from_numpy(data["x_train"]), torch.from_numpy(data["y_train"])
    for _ in range(job.epochs):
        began = time.perf_counter()
        total, correct = 0.0, 0
        for rows in torch.randperm(len(x)).split(job.batch_size):
            optimizer.zero_grad()
            outputs = model(x[rows])
            loss = loss_of(outputs, y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            correct += int((outputs.argmax(1) == y[rows]).sum())
        epochs.append(time.perf_counter() - began)
    model.eval()
    return lambda x: model(torch.from_numpy(x)).argmax(1).numpy()


def sklearn(job: Job, data: Arrays, epochs: list[float], seed: int) -> Predict:
    """Train scikit-learn's MLPClassifier, which has no dropout."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(job.widths[1:-1], batch_size=job.batch_size, max_iter=job.epochs, alpha=0, random_state=seed)
    classes = sorted(set(data["y_train"].tolist()))
    for _ in range(job.epochs):
        began = time.perf_counter()
        model.partial_fit(data["x_train"], data["y_train"], classes=classes)
        epochs.append(time.perf_counter() - began)
    return lambda x: model.predict(x)


def jax(job: Job, data: Arrays, epochs: list[float], seed: int) -> Predict:
    """Train with JAX: each epoch is one compiled scan; the compilation is not measured."""
    import jax
    import jax.numpy as jnp

    def forward(weights: Any, x: Any, key: Any) -> Any:
        for number, (kernel, bias) in enumerate(weights):
            x = x @ kernel + bias
            if number < len(weights) - 1:
                x = jax.nn.relu(x)
                if number == 0 and job.dropout and key is not None:
                    x = jnp.where(jax.random.bernoulli(key, 1 - job.dropout, x.shape), x / (1 - job.dropout), 0)
        return x

    def loss_of(weights: Any, x: Any, y: Any, key: Any) -> Any:
        logits = jax.nn.log_softmax(forward(weights, x, key))
        correct = (logits.argmax(1) == y).mean()
        return -jnp.take_along_axis(logits, y[:, None], 1).mean(), correct

    def step(state: Any, batch: Any) -> Any:
        weights, m, v, t = state
        rows, key = batch
        (loss, correct), g = jax.value_and_grad(loss_of, has_aux=True)(weights, x_all[rows], y_all[rows], key)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, m, v)
        return (weights, m, v, t), (loss, correct)

    @jax.jit  # type: ignore[untyped-decorator]  # jax is not installed here
    def epoch(state: Any, key: Any) -> Any:
        steps = len(x_all) // job.batch_size
        first, second = jax.random.split(key)
        rows = jax.random.permutation(first, len(x_all))[: steps * job.batch_size].reshape(steps, job.batch_size)
        state, metrics = jax.lax.scan(step, state, (rows, jax.random.split(second, steps)))
        return state, jax.tree.map(jnp.mean, metrics)

    x_all, y_all = jnp.asarray(data["x_train"]), jnp.asarray(data["y_train"])
    keys = jax.random.split(jax.random.key(seed), job.epochs + len(job.widths))
    weights = []
    for key, inputs, units in zip(keys[job.epochs :], job.widths, job.widths[1:], strict=False):
        limit = (6 / (inputs + units)) ** 0.5
        weights.append((jax.random.uniform(key, (inputs, units), minval=-limit, maxval=limit), jnp.zeros(units)))
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = (weights, zeros, zeros, jnp.float32(0))
    jax.block_until_ready(epoch(state, keys[0]))
    for number in range(job.epochs):
        began = time.perf_counter()
        state, _ = jax.block_until_ready(epoch(state, keys[number]))
        epochs.append(time.perf_counter() - began)
    return lambda x: jax.device_get(forward(state[0], jnp.asarray(x), None).argmax(1))


def products(job: Job, data: Arrays, epochs: list[float], seed: int) -> Predict:
    """Compute only the matrix products of training in npserve: a lower bound for any library on this CPU."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    x, widths = data["x_train"][: job.batch_size], job.widths
    rng = np.random.default_rng(seed)
    kernels = [rng.normal(size=shape).astype("f4") for shape in pairwise(widths)]
    activations = [x, *(rng.normal(size=(job.batch_size, units)).astype("f4") for units in widths[1:])]
    outputs = [np.empty_like(activation) for activation in activations]
    gradients = [np.empty_like(kernel) for kernel in kernels]
    threads = 1 if max(kernel.size for kernel in kernels) * job.batch_size < 2**24 else None
    with threadpool_limits(threads, user_api="blas"):
        for _ in range(job.epochs):
            began = time.perf_counter()
            for _ in range(-(-len(data["x_train"]) // job.batch_size)):
                for number, kernel in enumerate(kernels):
                    np.matmul(activations[number], kernel, out=outputs[number + 1])
                for number in reversed(range(len(kernels))):
                    np.matmul(activations[number].T, activations[number + 1], out=gradients[number])
                    if number:
                        np.matmul(activations[number + 1], kernels[number].T, out=outputs[number])
            epochs.append(time.perf_counter() - began)
    return lambda x: np.zeros(len(x), int)


Fit = Callable[[Job, Arrays, list[float], int], Predict]
LIBRARIES: dict[str, tuple[str, Fit]] = {
    "npserve": ("training", npserve),
    "keras": ("tensorflow", keras),
    "pytorch": ("torch", pytorch),
    "sklearn": ("sklearn.neural_network", sklearn),
    "jax": ("jax", jax),
    "products": ("numpy", products),
}


def load(path: str, job: Job) -> Arrays:
    """Read MNIST as float32 from 0 to 1, or generate a small table with two classes."""
    import numpy as np

    if job.widths[0] == 784:
        with np.load(path) as file:
            images = {
                name: file[name].reshape(-1, 784).astype("f4") / np.float32(255) for name in ("x_train", "x_test")
            }
            return images | {name: file[name].astype("i8") for name in ("y_train", "y_test")}
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6000, job.widths[0])).astype("f4")
    y = (x[:, :5].sum(axis=1) + np.square(x[:, 5:8]).sum(axis=1) > 3).astype("i8")
    return {"x_train": x[:5000], "y_train": y[:5000], "x_test": x[5000:], "y_test": y[5000:]}


def main() -> None:
    """Run the job and print its measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", choices=LIBRARIES, help="the library, which must be installed")
    parser.add_argument("job", choices=JOBS, help="the network to train")
    parser.add_argument("data", help="path of mnist.npz; the job table generates its data")
    parser.add_argument("seed", nargs="?", type=int, default=0, help="random seed (default: %(default)s)")
    options = parser.parse_args()
    job, seed = JOBS[options.job], options.seed
    module, fit = LIBRARIES[options.library]
    began = time.perf_counter()
    __import__(module)
    imported = time.perf_counter() - began
    data = load(options.data, job)
    epochs: list[float] = []
    predict = fit(job, data, epochs, seed)
    accuracy = float((predict(data["x_test"]) == data["y_test"]).mean())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"epochs": epochs, "accuracy": accuracy, "import": imported, "megabytes": peak}))


if __name__ == "__main__":
    main()
