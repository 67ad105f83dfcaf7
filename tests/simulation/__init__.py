"""A deterministic simulation of whole members: the production cores, storage code included, in virtual time.

One seed gives one run: schedule, faults, load. `make simulate`, or `python -m tests.simulation --help`.

    scheduler.py randomness.py trace.py world.py    time, chance, transcript
    process.py network.py disk.py host.py           what an operating system gives: processes, streams, a disk, clocks
    shells/                                         the processes of a member around their cores
    client.py history.py jute_frames.py             clients, and what they did and saw
    ordered.py                                      what a record orders, taken apart by hand
    faults.py nemesis.py rot.py reconfiguration.py  what goes wrong, and its doing
    checkers/ durable.py                            what must hold, judged apart from the code
    ensemble.py run.py occurrences.py               one seed; what a range of them must have met
    minimise.py mutations/                          a failing seed made small; rules broken on purpose
    restoration.py                                  an ensemble that goes on from a backup
    campaign.py say.py __main__.py                  a range of seeds; the command
"""
