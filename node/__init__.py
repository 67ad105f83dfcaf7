"""One ensemble member.

roles.py       the table of processes              supervisor.py  starts them where systemd does not
run_dir.py     sockets and what lives no longer    running.py     state.json: which of its processes run
title.py       what ps shows of a process          ports.py       claimed before anything starts
config/        zoo.cfg to a frozen dataclass       keys.py        CURVE pairs, allow-list, secret
zab/ tree/ sessions/ requests/   PURE cores        storage/       the only code that touches the disk
processes/     one shell per process               cli/           the `corral` command
"""
