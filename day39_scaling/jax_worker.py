"""One process of a training with keras.distribution: Day 39's notebook starts it."""

import json
import sys

import jax

rank, size, job = map(json.loads, sys.argv[1:])
if size > 1:  # before anything asks JAX for its devices
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{job['port']}", size, rank)

import keras  # noqa: E402
import numpy as np  # noqa: E402

devices = keras.distribution.list_devices("cpu")
keras.distribution.set_distribution(
    keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
)
keras.utils.set_random_seed(39)
x, y = np.load("x.npy", mmap_mode="r"), np.load("y.npy")
layers = [keras.layers.Dense(16, "relu"), keras.layers.Dense(1)]
model = keras.Sequential([keras.Input((x.shape[1],)), *layers])
loss = keras.losses.BinaryCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.1), loss)
losses, own = [], 64 // size  # a process brings its part of each batch of 64
for step in range(8):
    rows = slice(64 * step + own * rank, 64 * step + own * (rank + 1))
    losses.append(float(model.train_on_batch(x[rows], y[rows, None])))
print(json.dumps({"devices": len(devices), "losses": losses}))
