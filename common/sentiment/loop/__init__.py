"""The closed loop: reviews arrive, models follow, and no step needs a person.

    python -m common.sentiment.loop --home FOLDER    one driver, until told to stop
    make loop                                        a rehearsal in a terminal

Four parties know each other by files alone, so that any of them may end at any moment:

    driver    does the steps of a turn, notes each      (turn, steps, release, card)
    host      keeps processes of the service behind a router           (host, router)
    crew      starts the driver again when it has ended, and the watch  (crew)
    world     sends requests, delivers labelled reviews                (world)

The driver says which versions shall serve (desired.json), the host says which do
(status.json). A step that was noted is not done again, and one that was done but not
noted changes nothing when it is done again: so a killed driver costs seconds.

    journal     what has been done, in lines that are only added
    stops       how each of them ends with its block
    home        the folder, its settings, files that are whole or not there
    batches     the inbox, what is refused at the door, versions of the data
    faults      what a rehearsal breaks, and when
    audit       from a request to model, run, data, code and card
"""
