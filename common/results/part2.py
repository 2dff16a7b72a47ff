"""Names under which Part 2 records, Days 5 to 15, in the order of its tables."""

from common.results.metric import Metric

MODELS: dict[str, str] = {
    # Day 5
    "lenet": "LeNet",
    "mlp": "Day 1's network",
    # Day 11
    "shallow": "one wide convolution",
    # Day 15
    "pure_vit": "pure Vision Transformer",
}

FAMILIES: dict[str, str] = {
    # Day 6, in miniature
    "day5_cnn": "Day 5's network",
    "lenet": "LeNet",
    "alexnet": "AlexNet",
    "nin": "NiN",
    "googlenet": "GoogLeNet",
    "resnet": "ResNet",
}

ABLATION: dict[str, str] = {
    # Day 7
    "none": "neither",
    "batchnorm": "BatchNorm",
    "dropout": "dropout",
    "both": "BatchNorm and dropout",
}

AUGMENTATIONS: dict[str, str] = {
    # Day 8
    "no_augmentation": "no augmentation",
    "flips": "flips",
    "flips_crops": "flips and crops",
    "cutout": "flips, crops and cutout",
    "mixup": "flips, crops and mixup",
    "cutmix": "flips, crops and CutMix",
    "randaugment": "flips, crops and RandAugment",
    "upside_down": "flips, crops and upside-down images",
    "quarter_turns": "flips, crops and quarter turns",
}

TUNING: dict[str, str] = {
    # Day 9
    "not_tuned": "not tuned",
    "low_rate": "at a low rate",
    "high_rate": "at a high rate",
    "training_mode": "BatchNorm in training mode",
}

SEERS: dict[str, str] = {
    # Day 15, small, on a short budget
    "pure": "pure Vision Transformer",
    "stem": "Vision Transformer with stem",
    "cnn": "Day 5's network",
}

REPAIRS: dict[str, str] = {
    # Day 11, each with all of the ones above it
    "sigmoid_glorot": "sigmoid, Glorot's weights",
    "relu_glorot": "ReLU",
    "relu_he": "He's weights",
    "batchnorm_plain": "BatchNorm",
    "batchnorm_skips": "skips",
}

LADDER: dict[str, str] = {
    # Day 12, each with all of the ones above it
    "bare": "bare",
    "whitening": "whitening",
    "one_cycle_rate": "one-cycle rate",
    "label_smoothing": "label smoothing",
    "alternating_flips": "alternating flips",
    "ema": "averaged weights",
    "test_time_flips": "test-time flips",
}

UNITS: dict[str, str] = {
    # Day 13, at equal FLOPs
    "one_5x5": "one 5 × 5",
    "two_3x3": "two 3 × 3",
    "columns_rows": "columns and rows",
}

RACERS: dict[str, str] = {
    # Day 14, kernels of one block
    "stack": "three 3 × 3",
    "wide_seven": "one 7 × 7 of the same width",
    "equal_seven": "one 7 × 7 at equal cost",
    "linear_stack": "three 3 × 3 without ReLU between",
}

BEGINNINGS: dict[str, str] = {
    # Day 14, first weights of a slim VGG-16
    "small_normal": "small normal weights",
    "glorot": "Glorot's weights",
    "he": "He's weights",
    "batchnorm": "BatchNorm",
    "skips": "BatchNorm and skips",
    "grown": "grown from VGG-11",
}

CUTS: dict[str, str] = {
    # Day 14, which weights stay
    "magnitude_kept": "the largest",
    "random_kept": "random ones",
    "magnitude_tuned_kept": "the largest, fine-tuned",
    "random_tuned_kept": "random ones, fine-tuned",
}

METRICS: dict[str, Metric] = {
    # Day 5
    "mnist_accuracy": Metric("MNIST test accuracy of the convolutional network"),
    "lenet_accuracy": Metric("MNIST test accuracy of LeNet"),
    "mlp_accuracy": Metric("Test accuracy of Day 1's network on the same images"),
    # Day 6
    **{
        f"{name}_same_{what}_valid_accuracy": Metric(
            f"Validation accuracy after the same {what}, {words}"
        )
        for what in ("epochs", "seconds")
        for name, words in FAMILIES.items()
    },
    # Day 7
    "largest_rate_ratio": Metric(
        "Largest learning rate that trains, with BatchNorm over without", "ratio"
    ),
    **{
        f"batchnorm_of_{size}_valid_accuracy": Metric(
            f"Validation accuracy, BatchNorm with the statistics of {size} images"
        )
        for size in (2, 8, 64)
    },
    "layernorm_valid_accuracy": Metric("Validation accuracy, LayerNorm"),
    "groupnorm_valid_accuracy": Metric("Validation accuracy, GroupNorm"),
    **{
        f"{name}_ablation_valid_accuracy": Metric(
            f"Validation accuracy in the ablation, {words}"
        )
        for name, words in ABLATION.items()
    },
    "fold_difference": Metric(
        "Largest difference of a logit after folding", "difference", True
    ),
    # Day 8
    "one_view_accuracy": Metric("Test accuracy without test-time augmentation"),
    "baseline_tutorial_accuracy": Metric(
        "Baseline: three convolutions, rotated, zoomed and mirrored images"
    ),
    **{
        f"{name}_valid_accuracy": Metric(f"Validation accuracy, few images, {words}")
        for name, words in AUGMENTATIONS.items()
    },
    # Day 9
    "frozen_valid_accuracy": Metric(
        "Validation accuracy of a linear head on the frozen base"
    ),
    **{
        f"{key}_{name}_valid_accuracy": Metric(
            f"Validation accuracy, base {words}: {what}"
        )
        for key, what in (
            ("tuned", "classes that it was tuned for"),
            ("kept", "classes that it was not tuned for"),
        )
        for name, words in TUNING.items()
    },
    **{
        f"side_{side}_valid_accuracy": Metric(
            f"Validation accuracy, photographs brought to {side} pixels"
        )
        for side in (32, 48, 64, 96, 128, 160, 224)
    },
    **{
        f"{key}_with_{count}_valid_accuracy": Metric(
            f"Validation accuracy, {words}, {count:,} labels a class"
        )
        for key, words in (("scratch", "from scratch"), ("borrowed", "borrowed base"))
        for count in (10, 30, 100, 300, 1_000, 4_500)
    },
    # Day 10
    "probe_accuracy": Metric("Test accuracy of a linear head on the frozen base"),
    "baseline_colours_accuracy": Metric(
        "Baseline: logistic regression on colour histograms"
    ),
    "lowest_recall": Metric("Lowest recall of a class on the test set"),
    "probe_valid_accuracy": Metric(
        "Accuracy on the folds held out, linear head on the frozen base"
    ),
    "colours_valid_accuracy": Metric(
        "Accuracy on the folds held out, colour histograms"
    ),
    # Day 11
    "deep_race_valid_accuracy": Metric(
        "Validation accuracy in the race over seeds, deep"
    ),
    "shallow_race_valid_accuracy": Metric(
        "Validation accuracy in the race over seeds, shallow"
    ),
    **{
        f"{kind}_{depth}_{split}_accuracy": Metric(
            f"Accuracy on {split} photographs, {depth} layers, {words}"
        )
        for depth in (8, 20, 44)
        for kind, words in (("plain", "plain"), ("skips", "with skips"))
        for split in ("training", "validation")
    },
    **{
        f"{name}_first_gradient": Metric(
            f"Norm of the first layer's gradient, deepest network, {words}",
            "difference",
        )
        for name, words in REPAIRS.items()
    },
    # Day 12
    **{
        f"{kind}_{depth}_layers_{split}_accuracy": Metric(
            f"Accuracy on {split} photographs, {kind}, {depth} layers"
        )
        for depth in (20, 32, 44, 56)
        for kind in ("plain", "residual")
        for split in ("training", "validation")
    },
    **{
        f"{kind}_{what}_valid_accuracy": Metric(
            f"Validation accuracy, {kind} network, {words}"
        )
        for kind in ("plain", "residual")
        for what, words in (
            ("whole", "whole"),
            ("lesion", "one block switched off, mean over the blocks"),
        )
    },
    **{
        f"ladder_{name}_valid_accuracy": Metric(
            f"Validation accuracy on the ladder of tricks, {words}"
        )
        for name, words in LADDER.items()
    },
    "training_flops": Metric(
        "FLOPs of the whole training, three times those of the forward passes",
        "flops",
        True,
    ),
    # Day 13
    **{
        f"{name}_units_valid_accuracy": Metric(
            f"Validation accuracy at equal FLOPs, units of {words}"
        )
        for name, words in UNITS.items()
    },
    **{
        f"{kind}_heads_gradient_ratio": Metric(
            f"First module's gradient, with heads over without, {words}", "ratio"
        )
        for kind, words in (("plain", "no BatchNorm"), ("batchnorm", "BatchNorm"))
    },
    **{
        f"{kind}_{heads}_valid_accuracy": Metric(
            f"Validation accuracy, {said} auxiliary heads, {words}"
        )
        for kind, words in (("plain", "no BatchNorm"), ("batchnorm", "BatchNorm"))
        for heads, said in (("no_heads", "without"), ("heads", "with"))
    },
    "inception_race_valid_accuracy": Metric(
        "Validation accuracy in the race over seeds, Inception"
    ),
    "residual_equal_flops_valid_accuracy": Metric(
        "Validation accuracy in the race over seeds, residual, equal FLOPs"
    ),
    "residual_equal_seconds_valid_accuracy": Metric(
        "Validation accuracy in the race over seeds, residual, equal seconds"
    ),
    "inception_epoch_over_residual_epoch": Metric(
        "An epoch of Inception over one of the residual network, equal FLOPs", "ratio"
    ),
    # Day 14
    **{
        f"{name}_race_valid_accuracy": Metric(
            f"Validation accuracy in the race over seeds, {words}"
        )
        for name, words in RACERS.items()
    },
    **{
        f"{name}_start_valid_accuracy": Metric(
            f"Validation accuracy after a short training, {words}"
        )
        for name, words in BEGINNINGS.items()
    },
    **{
        f"{name}_{share}_valid_accuracy": Metric(
            f"Validation accuracy, {share} % of the weights kept, {words}"
        )
        for share in (100, 50, 30, 20, 10, 5)
        for name, words in CUTS.items()
    },
    **{
        f"{name}_share": Metric(
            f"Size of the file, {words}, over the trained network's",
            lower_is_better=True,
        )
        for name, words in (
            ("compressed", "compressed"),
            ("pruned", "a tenth of the weights kept"),
            ("pruned_compressed", "a tenth kept, compressed"),
            ("pruned_packed", "a tenth kept, packed"),
        )
    },
    # Day 15
    **{
        f"{name}_{images}_{how}_valid_accuracy": Metric(
            f"Validation accuracy, {images:,} photographs, {said}, {words}"
        )
        for images in (1_000, 5_000, 20_000)
        for how, said in (("untouched", "as they are"), ("augmented", "augmented"))
        for name, words in SEERS.items()
    },
    "mean_pooling_valid_accuracy": Metric(
        "Validation accuracy, 5,000 photographs, pure Vision Transformer that reads "
        "the mean of its patches"
    ),
    "no_positions_valid_accuracy": Metric(
        "Validation accuracy, 5,000 photographs, pure Vision Transformer without "
        "positions"
    ),
}

BENCHMARKS: dict[str, str] = {
    # Day 5
    "im2col_speedup_over_loops": (
        "Convolution by im2col: how many times faster than loops"
    ),
    "loops_over_keras_convolution": "Convolution by loops: time over Keras'",
    "im2col_over_keras_convolution": "Convolution by im2col: time over Keras'",
    # Day 8
    "numpy_augmentation_over_none": (
        "An epoch with flips and crops in NumPy over one without augmentation"
    ),
    "tf_data_augmentation_over_none": (
        "An epoch with four Keras layers in tf.data over one without augmentation"
    ),
    "in_model_augmentation_over_none": (
        "An epoch with four Keras layers in the model over one without augmentation"
    ),
    # Day 14
    "pruned_over_dense": "A forward pass with nine tenths of the weights zero over one "
    "without zeros",
}
