"""Names under which Part 3 records, Days 16 to 24, in the order of its tables."""

from common.results.metric import Metric

_SLICES = {
    "short": "the shortest reviews",
    "long": "the longest reviews",
    "few_negations": "the fewest negations",
    "many_negations": "the most negations",
    "few_contrasts": "the fewest words of contrast",
    "many_contrasts": "the most words of contrast",
}
_WORD_MODELS = {
    "words": "words alone",
    "words_no_mask": "words alone, padding not masked",
    "words_no_dropout": "words alone, no dropout",
    "words_last": "the last 100 words of a text",
    "words_first": "the first 100 words of a text",
}
_BEGINNINGS = {
    "frozen": "pretrained and frozen",
    "tuned": "pretrained and tuned",
    "scratch": "learned from scratch",
}
_SENSES = {
    "static": "its one static vector",
    "neighbours": "the static vectors of its neighbours",
    "contextual": "a contextual vector",
}

_BERTS = {
    "tf_idf": "TF-IDF",
    "frozen": "frozen body",
    "fine_tuned": "fine-tuned",
    "random_twin": "random twin",
    "lora": "LoRA",
    "no_warm_up": "no warm-up",
}
_ADDERS = {"rnn": "the plain RNN", "lstm": "the LSTM", "gru": "the GRU"}
_CANDIDATES = {
    "tfidf": "TF-IDF",
    "bigrams": "averaged bigrams",
    "bilstm": "the BiLSTM",
    "small_encoder": "the small encoder",
    "fine_tuned": "MiniLM",
    "fine_tuned_int8": "MiniLM in int8",
    "student": "the student",
    "student_int8": "the student in int8",
}
_LESSONS = {
    "labels": "by the labels alone",
    "rounded": "by the teacher's rounded verdicts on all texts",
    "soft": "by the soft lesson on all texts",
}
_FORECASTERS = {
    "curve": "the year's curve",
    "linear": "the linear autoregression",
    "lstm": "the LSTM",
}

MODELS: dict[str, str] = {
    # Day 16
    "last_state": "the recurrent network that reads its last state",
    "mean_state": "the recurrent network that reads the mean of its states",
    # Day 17
    "gru": "the GRU",
    "bidirectional_lstm": "the LSTM in both directions",
    # Day 19
    "bigrams": "averaged words and bigrams",
    "bilstm": "the bidirectional LSTM",
    # Day 20
    "bilstm_last": "BiLSTM, last states",
    "bilstm_mean": "BiLSTM, mean of the states",
    # Day 21
    "encoder_no_positions": "the encoder without positions",
    "encoder_no_attention": "the encoder without its block",
    # Day 23
    "captioner_vector": "the captioner with one vector in place of attention",
    # Day 24
    "tfidf": "TF-IDF of words and bigrams",
    "small_encoder": "the small encoder",
    "fine_tuned": "fine-tuned MiniLM",
    "fine_tuned_int8": "fine-tuned MiniLM in int8",
    "student": "the student",
    "student_int8": "the student in int8",
}

METRICS: dict[str, Metric] = {
    # Day 16
    "shuffled_words_valid_accuracy": Metric(
        "Validation accuracy of the day's model, words in random order"
    ),
    **{
        f"{side}_{mask}_valid_accuracy": Metric(
            f"Validation accuracy, 50 words, 50 fillers {where} them, {mask}"
        )
        for mask in ("masked", "unmasked")
        for side, where in (("pre", "before"), ("post", "after"))
    },
    "character_rnn_perplexity": Metric(
        "Perplexity of a character, recurrent network, end of the book", "count", True
    ),
    "character_ngram_perplexity": Metric(
        "Perplexity of a character, interpolated n-grams, end of the book",
        "count",
        True,
    ),
    # Day 17
    **{
        f"adding_{name}_{length}_error": Metric(
            f"Adding problem of {length} steps, squared error over the constant's, "
            f"{words}",
            "ratio",
            True,
        )
        for length in (10, 30, 60, 120)
        for name, words in _ADDERS.items()
    },
    **{
        f"forecast_{name}_error": Metric(
            f"Seven nights ahead, absolute error over seasonal-naive's, {words}",
            "ratio",
            True,
        )
        for name, words in _FORECASTERS.items()
    },
    # Day 18
    "ppmi_analogy_accuracy": Metric(
        "Analogies solved by counted vectors (PPMI and SVD), mean of the families"
    ),
    "skipgram_analogy_accuracy": Metric(
        "Analogies solved by skip-gram's vectors, mean of the families"
    ),
    "skipgram_pairs_per_second": Metric("Pairs a second, skip-gram in NumPy", "count"),
    **{
        f"{way}_{size}_labels_valid_accuracy": Metric(
            f"Validation accuracy with {size:,} labels, embeddings {words}"
        )
        for way, words in _BEGINNINGS.items()
        for size in (200, 2_000, 20_000)
    },
    **{
        f"{name}_sense_accuracy": Metric(
            f"Two senses of one word told apart by {words}"
        )
        for name, words in _SENSES.items()
    },
    # Day 19
    "baseline_tfidf_unigrams_accuracy": Metric(
        "Baseline: TF-IDF of words and logistic regression"
    ),
    "baseline_tfidf_bigrams_accuracy": Metric(
        "Baseline: TF-IDF of words and bigrams and logistic regression"
    ),
    "bigrams_accuracy": Metric(
        "Test accuracy of averaged words and bigrams, trained on the training split"
    ),
    "bilstm_accuracy": Metric(
        "Test accuracy of the bidirectional LSTM, trained on the training split"
    ),
    "unseen_texts_accuracy": Metric(
        "Test accuracy on texts that stand in no other split"
    ),
    "test_accuracy_standard_error": Metric(
        "Standard error of the test accuracy, by the number of test reviews",
        lower_is_better=True,
    ),
    "paired_standard_error": Metric(
        "Standard error of network minus TF-IDF with bigrams, over test reviews",
        lower_is_better=True,
    ),
    **{
        f"slice_{name}_accuracy": Metric(
            f"Validation accuracy, the quarter with {words}"
        )
        for name, words in _SLICES.items()
    },
    "raw_calibration_error": Metric(
        "Calibration error on the test set, raw", lower_is_better=True
    ),
    "scaled_calibration_error": Metric(
        "Calibration error on the test set, temperature scaled", lower_is_better=True
    ),
    "raw_cross_entropy": Metric("Test cross-entropy, raw", "nats", True),
    "scaled_cross_entropy": Metric(
        "Test cross-entropy, temperature scaled", "nats", True
    ),
    "cost_at_half": Metric(
        "Cost of 1,000 test reviews at 5 : 1, threshold 0.5", "count", True
    ),
    "cost_at_threshold": Metric(
        "Cost of 1,000 test reviews at 5 : 1, threshold from the costs", "count", True
    ),
    "bigrams_valid_accuracy": Metric("Validation accuracy of words and bigrams"),
    "bilstm_valid_accuracy": Metric("Validation accuracy of the bidirectional LSTM"),
    **{
        f"{name}_valid_accuracy": Metric(f"Validation accuracy of {words}")
        for name, words in _WORD_MODELS.items()
    },
    # Day 20
    "shuffled_weights_changed": Metric(
        "Validation answers that change with shuffled attention weights"
    ),
    "another_seed_changed": Metric(
        "Validation answers that change with another seed's network"
    ),
    "effective_words": Metric(
        "Effective number of words attended to, median review", "count"
    ),
    # Day 21
    "copy_exact_share": Metric("Strings copied exactly, lengths as trained"),
    "reverse_exact_share": Metric("Strings reversed exactly, lengths as trained"),
    "copy_longer_exact_share": Metric("Strings copied exactly, longer than trained"),
    "reverse_longer_exact_share": Metric(
        "Strings reversed exactly, longer than trained"
    ),
    **{
        f"{norm}norm_{warm}_warmup_loss": Metric(
            f"Last training loss, {norm}-norm, {warm} warm-up", "nats", True
        )
        for norm in ("pre", "post")
        for warm in ("no", "with")
    },
    # Day 22; test_accuracy is that of bert-base-uncased
    "minilm_accuracy": Metric("Test accuracy of fine-tuned MiniLM-L6"),
    "gaps_filled": Metric("Gaps filled rightly by the tiny pretrained network"),
    "gaps_filled_by_frequency": Metric("Gaps filled rightly by the commonest word"),
    "gaps_filled_by_pairs": Metric(
        "Gaps filled rightly by what follows the left neighbour"
    ),
    **{
        f"frozen_{part}_valid_accuracy": Metric(
            f"Validation accuracy of the frozen body, {words} tokens of a review"
        )
        for part, words in (
            ("last", "the last"),
            ("first", "the first"),
            ("head_tail", "the first and the last"),
        )
    },
    **{
        f"bert_{way}_{size}_labels_valid_accuracy": Metric(
            f"Validation accuracy with {size:,} labels, {words}"
        )
        for size in (8, 16, 100, 200, 500, 2_000)  # 8 and 16: the tests'
        for way, words in _BERTS.items()
    },
    "lora_trained_share": Metric("Share of the parameters that LoRA trains"),
    # Day 23
    "baseline_borrowed_accuracy": Metric(
        "Baseline: the caption of the nearest training picture"
    ),
    "new_combinations_exact_share": Metric(
        "Captions exactly right, combinations never trained, with attention"
    ),
    "captioner_vector_new_combinations_exact_share": Metric(
        "Captions exactly right, combinations never trained, one vector"
    ),
    "test_bleu": Metric("BLEU on the held-out scenes, with attention"),
    "wrong_colour_bleu": Metric("BLEU of captions that have one colour wrong"),
    "other_way_round_bleu": Metric(
        "BLEU of true captions that begin with the other group, one reference"
    ),
    "named_group_attention_share": Metric(
        "Attention of a colour word on the group that it names"
    ),
    "other_group_attention_share": Metric(
        "Attention of a colour word on the other group"
    ),
    "sentence_recall_at_1": Metric("Pictures whose nearest sentence is their own"),
    "picture_recall_at_1": Metric("Sentences whose nearest picture is their own"),
    "familiar_pairs_named": Metric("Colour and shape named zero-shot, familiar pairs"),
    "new_pairs_named": Metric("Colour and shape named zero-shot, pairs never trained"),
    # Day 24
    "service_p99_seconds": Metric(
        "p99 of the winner at 200 requests a second, simulated", "seconds", True
    ),
    **{
        f"{name}_bytes": Metric(f"On disk, {words}", "bytes", True)
        for name, words in _CANDIDATES.items()
    },
    **{
        f"{name}_service_seconds": Metric(
            f"One text from its characters, mean, {words}", "seconds", True
        )
        for name, words in _CANDIDATES.items()
    },
    **{
        f"lesson_{name}_valid_accuracy": Metric(
            f"Validation accuracy of the student, taught {words}"
        )
        for name, words in _LESSONS.items()
    },
    "doubtful_label_share": Metric(
        "Mistakes of the winner that three models contradict, of a hundred"
    ),
    "mended_share": Metric("Mistakes of the winner that MiniLM gets right"),
}

BENCHMARKS: dict[str, str] = {}
