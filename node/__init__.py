"""One ensemble member.

roles.py       the table of processes              supervisor.py  starts them where systemd does not
run_dir.py     sockets and what lives no longer    running.py     state.json: which of its processes run
title.py       what ps shows of a process          ports.py       claimed before anything starts
unit.py        a process without a supervisor      lives.py       how often such a one was started again
notify.py      what a process tells systemd        role_run.py    how a process ends, as a code and a log line
config/        zoo.cfg to a frozen dataclass       keys.py        CURVE pairs, allow-list, secret
zab/ tree/ sessions/ requests/   PURE cores        storage/       the only code that touches the disk
processes/     one shell per process               cli/           the `corral` command
"""
