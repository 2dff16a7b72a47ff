"""Names under which Part 1 records, Days 1 to 4, in the order of its tables."""

from common.results.metric import Metric

_ACTIVATIONS = {
    "linear": "no activation (linear)",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "ReLU",
    "leaky_relu": "Leaky ReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
}
_OPTIMIZERS = {
    "sgd": "SGD",
    "momentum": "SGD with momentum",
    "nesterov": "SGD with Nesterov momentum",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSProp",
    "adam": "Adam",
    "adamw": "AdamW",
}
_SCHEDULES = {
    "constant": "a constant learning rate",
    "step": "step decay",
    "cosine": "cosine decay",
    "warmup": "warm-up and cosine decay",
    "one_cycle": "the one-cycle schedule",
}
_REGULARIZERS = {
    "none": "no regularization",
    "l1": "an L1 penalty",
    "l2": "an L2 penalty",
    "weight_decay": "decoupled weight decay",
    "dropout": "dropout",
    "early_stopping": "early stopping",
    "all": "all of them together",
}

MODELS: dict[str, str] = {}

METRICS: dict[str, Metric] = {
    # Day 1
    "plain_accuracy": Metric("Test accuracy, plain network (128 hidden units)"),
    "scratch_accuracy": Metric("Test accuracy, the network from scratch in NumPy"),
    "scratch_epoch_seconds": Metric(
        "One epoch of the NumPy network", "seconds", lower_is_better=True
    ),
    "baseline_most_frequent_accuracy": Metric(
        "Baseline: always the most frequent class"
    ),
    "baseline_nearest_mean_accuracy": Metric("Baseline: nearest class mean"),
    "baseline_logistic_regression_accuracy": Metric("Baseline: logistic regression"),
    # Day 2
    **{
        f"{name}_accuracy": Metric(f"Test accuracy with {words}")
        for name, words in _ACTIVATIONS.items()
    },
    "sigmoid_epochs_to_loss": Metric(
        "Epochs to the common validation loss, sigmoid", "count", True
    ),
    "relu_epochs_to_loss": Metric(
        "Epochs to the common validation loss, ReLU", "count", True
    ),
    "relu_dead_fraction": Metric(
        "Dead units in the ReLU network", lower_is_better=True
    ),
    # Day 3
    **{
        f"{name}_accuracy": Metric(f"Test accuracy with {words}, its own learning rate")
        for name, words in _OPTIMIZERS.items()
    },
    **{
        f"{name}_schedule_valid_accuracy": Metric(f"Validation accuracy with {words}")
        for name, words in _SCHEDULES.items()
    },
    "mse_accuracy": Metric("Test accuracy, trained on the mean squared error"),
    "cross_entropy_accuracy": Metric("Test accuracy, trained on the cross-entropy"),
    # Day 4
    **{
        f"cross_entropy_gap_{name}": Metric(
            f"Gap, 1,000 digits, {words}",
            "nats",
            True,
        )
        for name, words in _REGULARIZERS.items()
    },
    **{
        f"valid_accuracy_{name}": Metric(f"Accuracy, 1,000 digits, {words}")
        for name, words in _REGULARIZERS.items()
    },
    "label_noise_accuracy": Metric("Test accuracy, noisy labels, regularized"),
    "label_noise_plain_accuracy": Metric(
        "Test accuracy, noisy labels, no regularization"
    ),
}

BENCHMARKS: dict[str, str] = {
    # Day 1
    "scratch_epoch_over_keras_epoch": (
        "One training epoch from scratch in NumPy over one of Keras"
    ),
}
