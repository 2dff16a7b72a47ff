"""Names under which Part 4 records, Days 25 to 40, in the order of its tables."""

from common.results.metric import Metric

MODELS: dict[str, str] = {}

METRICS: dict[str, Metric] = {
    # Day 25
    "live_accuracy": Metric("Live accuracy of the day's model, nothing wrong"),
    "skew_capitals_live_accuracy": Metric(
        "Live accuracy behind a server that keeps capitals"
    ),
    "skew_first_words_live_accuracy": Metric(
        "Live accuracy behind a server that keeps the first 200 words"
    ),
    "skew_numbers_live_accuracy": Metric(
        "Live accuracy behind a server that numbers words from 0"
    ),
    "leak_valid_accuracy": Metric("Validation accuracy with the strongest leak"),
    "leak_live_accuracy": Metric("Live accuracy with the strongest leak"),
    "leak_test_accuracy": Metric("Test accuracy with the strongest leak"),
    "schema_cut_live_accuracy": Metric("Live accuracy on texts cut at 256 characters"),
    "schema_five_stars_live_accuracy": Metric(
        "Live accuracy, trained again after ten stars became five"
    ),
    "schema_turned_live_accuracy": Metric(
        "Live accuracy, trained again after one star became the best"
    ),
    "champion_traffic_accuracy": Metric(
        "Accuracy on the site's traffic, threshold 0.5"
    ),
    "challenger_traffic_accuracy": Metric(
        "Accuracy on the site's traffic, threshold 0.2"
    ),
    "champion_complaints_found": Metric("Complaints found, threshold 0.5"),
    "challenger_complaints_found": Metric("Complaints found, threshold 0.2"),
    "failures_detected": Metric(
        "Kinds of failure of which every variant raises an alarm, of 4", "count"
    ),
    "faults_undetected": Metric("Faults that raise no alarm", "count", True),
    "false_alarms": Metric("Alarms on healthy data", "count", True),
    "ml_test_score": Metric("ML Test Score of this repository, of 7", "count"),
    # Day 26
    "reproduced_metric_difference": Metric(
        "Largest difference of any figure, a run made again from its own record",
        "difference",
        True,
    ),
    "tracked_runs": Metric("Runs in the store at the end", "count"),
    "ledger_lost_runs": Metric(
        "Runs of 40 lost when two write at once, folder of files", "count", True
    ),
    "store_lost_runs": Metric(
        "Runs of 40 lost when two write at once, MLflow's store", "count", True
    ),
    "tracked_stale_stages": Metric(
        "Stages of the pipeline that a tracker makes run again", "count", True
    ),
    "unswept_valid_accuracy": Metric(
        "Validation accuracy before the sweep, seeds that chose nothing"
    ),
    "swept_valid_accuracy": Metric(
        "Validation accuracy of the chosen settings, the same seeds"
    ),
    "swept_test_accuracy": Metric("Test accuracy of the chosen settings"),
    "swept_baseline_accuracy": Metric(
        "Baseline: TF-IDF and logistic regression, the same reviews"
    ),
    # Day 28
    "champion_accuracy": Metric("Test accuracy of the champion before the promotion"),
    "challengers_decided_right": Metric(
        "Of five challengers, decided as they should be", "count"
    ),
    "false_promotion_share": Metric(
        "An equal challenger promoted by luck, 10,000 reviews", lower_is_better=True
    ),
    "power_one_point_share": Metric(
        "A challenger better by one point promoted, 10,000 reviews"
    ),
    "requests_lost": Metric(
        "Requests lost while the champion changed twice", "count", True
    ),
    "requests_sent": Metric("Requests sent meanwhile", "count"),
    # Day 27
    "remade_differing_weights": Metric(
        "Weights in which last month's model, made again, differs from the first",
        "count",
        True,
    ),
    "pulled_differing_bytes": Metric(
        "Bytes that differ after a push, the loss of folder and cache, and a pull",
        "count",
        True,
    ),
    "needless_stage_runs": Metric(
        "Stages that ran although the change could not reach them", "count", True
    ),
    "clone_of_weights_ratio": Metric(
        "A git clone with four versions of a model's weights, over one version",
        "ratio",
        True,
    ),
    "clone_of_text_ratio": Metric(
        "A git clone with four versions of reviews as text, over one version",
        "ratio",
        True,
    ),
    "turned_labels": Metric(
        "Validation reviews that this month's model calls otherwise than last month's",
        "count",
    ),
    # Day 29
    "monolith_differing_weights": Metric(
        "Weights in which the pipeline's model and the notebook's differ", "count", True
    ),
    "resumed_probability_change": Metric(
        "Largest change of a probability by a kill, order and dropout from the epoch",
        "difference",
        True,
    ),
    "callback_probability_change": Metric(
        "Largest change of a probability by a kill, BackupAndRestore",
        "difference",
        True,
    ),
    "skewed_texts": Metric(
        "Texts of 10,000 that become other numbers when served", "count", True
    ),
    "leaked_accuracy_with_copies": Metric(
        "Test accuracy on leaked reviews, trained with their copies"
    ),
    "leaked_accuracy_without_copies": Metric(
        "Test accuracy on leaked reviews, trained without them"
    ),
    "unchanged_run_seconds": Metric(
        "A run of the pipeline in which nothing changed, reviews in memory",
        "seconds",
        True,
    ),
    # Day 30
    "latency_p50_seconds": Metric(
        "Median answer time at 200 requests a second", "seconds", True
    ),
    "latency_p99_seconds": Metric(
        "99th percentile of the answer time at 200 requests a second", "seconds", True
    ),
    "latency_poisson_p99_seconds": Metric(
        "99th percentile at the same load, with Poisson arrivals", "seconds", True
    ),
    "answered_fraction": Metric("Of the 200 a second, answered and not refused"),
    "sustained_requests_per_second": Metric(
        "Highest load in requests a second up to which every request was answered",
        "count",
    ),
    "parity_difference": Metric(
        "Largest difference in probability, Keras to ONNX Runtime", "difference", True
    ),
    "parity_label_flips": Metric(
        "Labels that differ, outside 1e-4 around the threshold", "count", True
    ),
    "served_accuracy": Metric("Test accuracy of the served model"),
    "onnx_seconds": Metric("One text in ONNX Runtime, median", "seconds", True),
    "onnx_bilstm_seconds": Metric(
        "One text in ONNX Runtime, BiLSTM(48) over 300 tokens, median", "seconds", True
    ),
    # Day 31
    "image_bytes": Metric("Size of the image, unpacked", "bytes", True),
    "image_compressed_bytes": Metric(
        "Size of the image's layers as they travel, compressed", "bytes", True
    ),
    "serving_packages_bytes": Metric(
        "Packages that the service needs, installed", "bytes", True
    ),
    "naive_packages_bytes": Metric(
        "All packages of the course, installed", "bytes", True
    ),
    "serving_packages": Metric("Packages that the service needs", "count", True),
    "naive_packages": Metric("Packages of the whole course", "count", True),
    "cold_start_seconds": Metric(
        "From the start of the process to its first answer, median", "seconds", True
    ),
    "service_memory_bytes": Metric("Memory of the running service", "bytes", True),
    "naive_memory_bytes": Metric(
        "Memory of a process that answers with Keras", "bytes", True
    ),
    "served_difference": Metric(
        "Largest difference in probability, image to predictor", "difference", True
    ),
    "steps_again_after_code": Metric(
        "Steps of the Dockerfile that run again after a new line of code", "count", True
    ),
    "stopped_requests_lost": Metric(
        "Requests lost by SIGTERM while they were being answered", "count", True
    ),
    # Day 32
    "rollout_requests_failed": Metric(
        "Requests failed in releases that went well, and by killed instances",
        "count",
        True,
    ),
    "rollout_requests_sent": Metric("Requests sent meanwhile, 200 a second", "count"),
    "rollback_requests_failed": Metric(
        "Requests failed by a bad version until it was taken back", "count", True
    ),
    "rollback_seconds": Metric(
        "From its first request to its last, without anybody's help", "seconds", True
    ),
    "bare_kill_requests_failed": Metric(
        "Requests failed by a killed instance, mean, proxy without retries",
        "count",
        True,
    ),
    "contract_clauses_kept": Metric(
        "Clauses of the host's contract that the service keeps, of eight", "count"
    ),
    "naive_contract_clauses_kept": Metric(
        "The same of a naive server, of eight", "count"
    ),
    "canary_false_alarm_share": Metric(
        "Good releases that the canary's rule takes back", lower_is_better=True
    ),
    "canary_power_share": Metric(
        "Releases taken back that fail five points more often"
    ),
    "request_cpu_seconds": Metric("CPU time of one request", "seconds", True),
    "instances_at_1000": Metric(
        "Instances for 1,000 requests a second, one queue", "count", True
    ),
    "instances_at_100000": Metric(
        "Instances for 100,000 requests a second, one queue", "count", True
    ),
    "erlang_difference": Metric(
        "Largest difference between Erlang's formula and a simulation",
        "difference",
        True,
    ),
    # Day 33
    "drift_windows_found": Metric(
        "Of windows with an injected drift found, by numbers and words"
    ),
    "counts_windows_found": Metric(
        "The same windows, seen through the service's two histograms"
    ),
    "control_windows_alarmed": Metric(
        "Windows without drift that alarm, numbers and words", lower_is_better=True
    ),
    "control_counts_alarmed": Metric(
        "Windows without drift that alarm, the service's two histograms",
        lower_is_better=True,
    ),
    "test_as_it_is_alarmed": Metric(
        "Windows of the unchanged test set that alarm against the training reviews"
    ),
    "release_words_alone": Metric(
        "Words of the release that stand in no other training review", "count"
    ),
    "test_words_alone": Metric(
        "Words of the test set that stand in no training review kept", "count"
    ),
    "rule_windows_alarmed": Metric(
        "Windows under a new rule for the labels that alarm, numbers and words"
    ),
    "rule_harm_proven": Metric(
        "Windows under the new rule of which 500 labels prove the harm"
    ),
    "expected_accuracy_error": Metric(
        "Error of the accuracy expected without labels, mean over six drifts",
        lower_is_better=True,
    ),
    "rule_expected_accuracy_error": Metric(
        "The same error under the new rule", lower_is_better=True
    ),
    "psi_rule_false_alarms": Metric(
        "Windows of 50 texts without drift whose PSI is above 0.2",
        lower_is_better=True,
    ),
    "retrainings_started": Metric(
        "Retrainings started by a hundred alarms", "count", True
    ),
    "typos_accuracy": Metric("Accuracy on fresh reviews with typos"),
    "retrained_typos_accuracy": Metric(
        "The same after one retraining on labelled ones"
    ),
    "watched_accuracy": Metric("Test accuracy of the watched model"),
    # Day 34
    "intact_valid_accuracy": Metric("Accuracy at the gates, intact product"),
    "green_tests_valid_accuracy": Metric(
        "The same after a change that leaves every unit test green"
    ),
    "breakages_stopped": Metric("Breakages stopped by a gate, of eight", "count"),
    "breakages_stopped_as_meant": Metric(
        "Breakages that stop at the gate meant for them, of eight", "count"
    ),
    "gate_false_alarms": Metric(
        "Gates that refuse the intact product, over all seeds", "count", True
    ),
    "gates_asked_of_intact": Metric("Gates asked for it", "count"),
    "random_keys_found": Metric("Random keys of 32 characters that the scanner finds"),
    "secret_false_alarm_lines": Metric(
        "Lines of this course that it takes for a key", "count", True
    ),
    "flaky_failure_share": Metric(
        "Runs in which the flaky test fails, nothing being wrong", lower_is_better=True
    ),
    "all_gates_seconds": Metric("All eight gates, one after another", "seconds", True),
    "refusal_seconds": Metric(
        "Until a broken change is refused, mean, order of the workflow", "seconds", True
    ),
    "worst_order_refusal_seconds": Metric(
        "The same in the worst order", "seconds", True
    ),
    # Day 35
    "verdict_level": Metric(
        "Least probability for a verdict, chosen on other test reviews"
    ),
    "verdict_share": Metric("Test reviews that get a verdict"),
    "verdict_accuracy": Metric("Accuracy of these verdicts"),
    "words_sum_difference": Metric(
        "Largest difference of a logit and the sum of its words' parts",
        "difference",
        True,
    ),
    "situations_held": Metric(
        "Situations in which the page does what it must", "count"
    ),
    "situations": Metric("Situations tried", "count"),
    "page_faults_seen": Metric(
        "Breakages of the page that a situation sees, of fifteen", "count"
    ),
    "page_faults_seen_as_meant": Metric(
        "Breakages seen by the situation meant for them, of fifteen", "count"
    ),
    "browser_steps_held": Metric("Steps in a real browser that hold", "count"),
    "browser_steps": Metric("Steps in a real browser tried", "count"),
    "accessibility_violations": Metric(
        "Serious or critical findings of axe-core", "count", True
    ),
    "rerun_seconds": Metric("A run of the page, median", "seconds", True),
    "rerun_unfrozen_seconds": Metric(
        "The same, where each run searches all objects for garbage", "seconds", True
    ),
    "api_answer_seconds": Metric(
        "An answer of the API, as the page asks it, median", "seconds", True
    ),
    "reruns_per_second": Metric(
        "Runs of the page in a second that one server does at most", "count"
    ),
    # Day 36
    "planted_faults_found": Metric(
        "Faults planted in the model card, one of each kind, that the linter finds"
    ),
    "card_accuracy": Metric("Test accuracy of the served model, as the card gives it"),
    "card_unseen_texts_accuracy": Metric(
        "The same without texts that stand in the training part"
    ),
    "learned_valid_accuracy": Metric(
        "The served model on validation reviews, which it has learned from"
    ),
    "sibling_valid_accuracy": Metric(
        "The same recipe without them, on validation reviews"
    ),
    "card_false_alarms": Metric(
        "Faults that it finds in the intact card and datasheet", "count", True
    ),
    "bad_card_faults_found": Metric("Faults of the bad card, of ten", "count"),
    "claims_with_source": Metric("Measured claims of both documents with a source"),
    "claims_not_measured": Metric("Claims that say why they are not measured", "count"),
    "reference_examples_held": Metric(
        "Examples of the service's reference that answer as promised"
    ),
    "texts_in_both_parts": Metric(
        "Reviews that stand in both published parts", "count", True
    ),
    "told_rating_share": Metric("Reviews that tell their rating in figures"),
    "told_rating_rule_accuracy": Metric(
        "Of these, told rightly by a rule without a model"
    ),
    "slices_sure_on_validation": Metric(
        "Slices of the validation reviews that differ from the rest beyond chance",
        "count",
    ),
    "slices_sure_on_both": Metric("Of these, on the test set too", "count"),
    "slices_different_for_sure": Metric(
        "Slices of the test reviews that differ from the rest beyond chance", "count"
    ),
    "name_shifts_equivalent": Metric(
        "Of four mean shifts by names, equivalent to none within a point", "count"
    ),
    "names_turned_share": Metric(
        "Test reviews with a name whose label one of 36 names turns",
        lower_is_better=True,
    ),
    "answer_cpu_seconds": Metric("CPU time of an answer, model alone", "seconds", True),
    "energy_high_over_low": Metric(
        "Energy of a million answers, high end over low end", "count", True
    ),
    # Day 37
    "bisect_distance": Metric(
        "Commits between the one that git bisect accuses and the fault", "count", True
    ),
    "bisect_runs": Metric("Commits that git bisect tested or skipped", "count", True),
    "bisect_repeats": Metric("Trainings averaged in each test", "count", True),
    "bisect_found_share": Metric(
        "Simulated bisections that end at the fault, so many trainings a test"
    ),
    "single_bisect_found_share": Metric("The same with one training a test"),
    "regressed_test_accuracy": Metric("Test accuracy before the fault was reverted"),
    "rerun_diff_lines": Metric(
        "Lines of the diff of a notebook that was only run again", "count", True
    ),
    "stripped_rerun_diff_lines": Metric("Run again, through the filter", "count", True),
    "edit_diff_lines": Metric("Lines of the diff of one edited line", "count", True),
    "stripped_edit_diff_lines": Metric(
        "One edited line, through the filter", "count", True
    ),
    "merges_unlike_git": Metric(
        "Merges of random texts that differ from git's", "count", True
    ),
    # Day 38
    "table_best_valid_accuracy": Metric(
        "Best of all configurations, on the reviews that chose it"
    ),
    "table_best_fresh_accuracy": Metric("The same configuration on fresh reviews"),
    "random_search_accuracy": Metric("Fresh reviews, random search, over studies"),
    "grid_search_accuracy": Metric("Fresh reviews, grid in random order"),
    "halving_search_accuracy": Metric("Fresh reviews, successive halving"),
    "hyperband_search_accuracy": Metric("Fresh reviews, Hyperband"),
    "gp_search_accuracy": Metric("Fresh reviews, Gaussian process"),
    "tpe_search_accuracy": Metric("Fresh reviews, TPE"),
    "tpe_median_search_accuracy": Metric("Fresh reviews, TPE with the median pruner"),
    "tpe_hyperband_search_accuracy": Metric(
        "Fresh reviews, TPE with the Hyperband pruner"
    ),
    "searches_better_than_random": Metric(
        "Of seven searches, better than random by an interval for all seven", "count"
    ),
    "curse_claimed_accuracy": Metric(
        "Best of 300 by 500 reviews: the score that chose it"
    ),
    "curse_fresh_accuracy": Metric("The same networks on fresh reviews"),
    "study_lost_configurations": Metric(
        "Configurations lost by the kill of a worker", "count", True
    ),
    "study_doubled_configurations": Metric(
        "Configurations that finished twice after it", "count", True
    ),
    # Day 39
    "baseline_hashed_accuracy": Metric(
        "Baseline: logistic regression on the same hashed words"
    ),
    "accumulated_difference": Metric(
        "Largest difference of a weight, batches whole or in four pieces",
        "difference",
        True,
    ),
    "ring_weights_difference": Metric(
        "Largest difference of a weight, ring of processes and one machine",
        "difference",
        True,
    ),
    "ring_bytes_ratio": Metric("Bytes sent in the ring over the formula's", "ratio"),
    "jax_losses_difference": Metric(
        "Largest difference of a loss, one device, two, and two processes",
        "difference",
        True,
    ),
    "two_workers_gain": Metric("Gain of two processes over one", "ratio"),
    "streamed_peak_over_corpus": Metric(
        "Largest memory of a streamed corpus over its size", "fraction", True
    ),
    "lost_trials": Metric("Trials lost by the kill of a node", "count", True),
    "changed_trials": Metric(
        "Trials with another loss than without the kill", "count", True
    ),
    "repeated_epochs": Metric("Epochs done twice after the kill", "count", True),
    "lost_requests": Metric("Requests lost by the kill of a node", "count", True),
    "wrong_requests": Metric("Requests with a wrong answer", "count", True),
    "retried_requests": Metric("Requests that had to be sent again", "count", True),
    # Day 40
    "kept_model_accuracy": Metric(
        "Test accuracy of the first model, kept, in the last mood"
    ),
    "faults_survived": Metric("Faults injected and survived", "count"),
    "failed_requests": Metric("Requests failed in all stories", "count", True),
    "loop_requests": Metric("Requests sent in all stories", "count"),
    "lost_batches": Metric("Batches lost", "count", True),
    "doubled_effects": Metric("Effects done twice", "count", True),
    "recovery_seconds": Metric(
        "From a fault to the note of its step, median", "seconds", True
    ),
    "longest_recovery_seconds": Metric(
        "From a fault to the note of its step, longest", "seconds", True
    ),
    "alarm_seconds": Metric("From a drift to its alarm", "seconds", True),
    "loop_seconds": Metric(
        "From labels to a promotion, with a bad release on the way", "seconds", True
    ),
    "killed_differing_weights": Metric(
        "Weights in which the model of the worst day and an undisturbed one differ",
        "count",
        True,
    ),
    "audits_verified": Metric("Answers followed back to data, code and card"),
}

BENCHMARKS: dict[str, str] = {
    # Day 26
    "tracked_over_untracked_training": (
        "A training that MLflow tracks: time over the same one untracked"
    ),
    # Day 30
    "keras_predict_over_onnx": "model.predict on one text: time over ONNX Runtime's",
    "keras_eager_over_onnx": "Eager Keras call on one text: time over ONNX Runtime's",
    "keras_compiled_over_onnx": (
        "Compiled Keras call on one text: time over ONNX Runtime's"
    ),
    "onnx_bilstm_over_bigrams": (
        "BiLSTM(48) over 300 tokens in ONNX Runtime: time over the served model's"
    ),
    "http_predict_over_api": (
        "model.predict behind a plain HTTP server: p50 over the API's"
    ),
    "mlflow_serve_over_api": "mlflow models serve, same model: p50 over the API's",
    # Day 31
    "naive_start_over_service_start": (
        "Cold start of a process that answers with Keras: time over the service's"
    ),
    "rebuild_over_build": (
        "Building the image after a new line of code: time over an empty cache's"
    ),
}
