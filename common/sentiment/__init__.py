"""The product of the course: one sentiment model, from its data to its service.

    config      what a run may be told
    features    text to word numbers, the same for training and serving
    data        reviews taken in, cleaned, checked
    model       the networks
    training    fitting that survives a kill
    evaluation  accuracy, calibration, costs, slices
    bundle      a model as a folder with a manifest
    export      Keras to ONNX
    canonical   equal graphs as equal bytes
    predictor   ONNX Runtime at work
    pipeline    all of it in one command
    observer    who is told how a run of it goes on
    tracking    an observer that writes into an MLflow store, where one is configured
    promotion   may a challenger take the champion's place?
    registry    versions of the model, and which of them serves
    api         the service, a package with one module a layer
    drift       how far two windows of texts differ, and whether by more than chance
    monitor     what the service counted, held against the release
    watch       a look at a running service, as a command
    reaction    what follows from an alarm; a trigger that retrains once
    drift_report  Evidently's page
    claims      a number with its interval, its source and its date
    card        the model card and the datasheet, made of claims and of card.toml
    card_lint   what is wrong with them, a sentence for each fault
    api_reference  the reference of the service, with examples that were run
    ui          a page for people, Streamlit's script; ui_* are its parts, and what
                tests it in memory and in a browser

Importing this package imports none of them: a server needs no Keras, a training run
no web framework.
"""
