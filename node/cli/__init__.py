"""The `corral` command: click says what there is, rich draws it, nothing here is in a member's memory.

commands.py    the table of commands, each loaded when it is asked for
up.py          up: an ensemble on this machine           down.py    down, stop, start, kill of such a one
member.py      member: one member in the foreground      keys.py    keys init, add, show
handover.py    handover: another member leads           drain.py   drain: a member's clients go elsewhere
shell/         sh: a shell for znodes                    doctor/    doctor: what is wrong, or will be
top.py         top: an ensemble live; top_reading.py what its members say, top_drawing.py how it looks
site.py        a member's metrics port, by HTTP or HTTPS; scrape.py its figures
control.py     the link to a member on this machine
status.py      status: how an ensemble does              asking.py  four-letter words to many servers
observe.py     up --observe: Prometheus beside it       scrape_jobs.py  what that is to scrape
local.py       the files and processes of a local ensemble
backup.py      backup, backup list, backup verify        restore.py restore_subtree.py self_check.py
progress.py    how far a long command is
import_.py export.py mirror.py (mirroring/)             ZooKeeper's files in and out; following a running one
log.py show.py diff.py (history.py, show_remote.py)     time travel
tls_words.py   what TLS says is wrong, with the cure
drawing.py     the table of members                      errors.py  errors as one line, exit codes
"""
