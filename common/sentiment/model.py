"""The networks of the sentiment product, uncompiled, with one logit as output."""

from __future__ import annotations

import keras

from common.sentiment.config import ModelConfig, TrainingConfig


def build_model(config: ModelConfig, tokenizer_size: int) -> keras.Model:
    """Build the network that `config.kind` names.

    "bigrams" is the mean of the embeddings of a text's words and bigrams, then one
    logit (A. Joulin et al., "Bag of tricks for efficient text classification", EACL
    2017). "bilstm" reads the embeddings in both directions with an LSTM each
    (A. Graves, J. Schmidhuber, 2005). Both mask the padding.

    Args:
        config: kind and sizes.
        tokenizer_size: how many different numbers the input may hold.

    Returns:
        Input "ids" (batch, length) int32 with any length; output (batch, 1)
        float32, the logit of "positive".
    """
    ids = keras.Input((None,), dtype="int32", name="ids")
    embed = keras.layers.Embedding(
        tokenizer_size, config.embedding_dim, mask_zero=True, name="embedding"
    )
    x = embed(ids)
    if config.kind == "bilstm":
        x = keras.layers.Dropout(config.dropout, seed=0, name="embedding_dropout")(x)
        x = keras.layers.Bidirectional(keras.layers.LSTM(config.units), name="bilstm")(
            x
        )
    else:
        x = keras.layers.GlobalAveragePooling1D(name="mean")(x)
    # With a seed of its own, a layer draws from its own state on every backend;
    # training sets that state anew for each epoch.
    x = keras.layers.Dropout(config.dropout, seed=0, name="dropout")(x)
    logit = keras.layers.Dense(1, name="logit")(x)
    return keras.Model(ids, logit, name=config.kind)


def compile_model(
    model: keras.Model,
    config: TrainingConfig,
    steps_per_epoch: int,
    steps_per_execution: int = 1,
) -> None:
    """Compile for training: Adam along a cosine, smoothed binary cross-entropy.

    Args:
        model: what `build_model` returned; its weights have to exist.
        config: learning rate, epochs and label smoothing.
        steps_per_epoch: minibatches in one epoch, for the length of the cosine.
        steps_per_execution: how many the backend runs at once; changes no result.
    """
    model.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                config.learning_rate, decay_steps=config.epochs * steps_per_epoch
            )
        ),
        loss=keras.losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=config.label_smoothing
        ),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)],
        steps_per_execution=steps_per_execution,
    )
    # TensorFlow traces a training step twice if its first tracing creates variables.
    # The optimizer's would not exist yet, so they are created here.
    model.optimizer.build(model.trainable_variables)
