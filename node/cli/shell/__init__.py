"""`corral sh`: a shell for znodes, of Corral and of ZooKeeper.

command.py      the command: options, and whether it talks, does stdin, or does one thing
table.py        the shell's commands by group, each loaded when it is said
shell.py        what commands share             lines.py        one line, and a file of them
interactive.py  at a terminal                   completion.py   what may stand at the cursor
client.py       the session, on kazoo           requests.py     what is asked, to the byte
servers.py      four-letter words               errors.py       refusals in words
output.py       JSON, text, pager               values.py       values by what they are
stats.py        facts of a znode                walk.py         subtrees, many requests at once
paths.py        absolute and relative paths

browse.py data.py edit.py search.py compare.py copying.py removing.py blocks.py watching.py access.py quotas.py
sessions.py members.py meta.py    the commands
"""
