"""One member's configuration: ZooKeeper's zoo.cfg and myid, read once, frozen.

table.py       every key: standing, kind, default, meaning, and what is lost if not honoured
properties.py  the file's text as entries with line numbers (Java's Properties format)
address.py     host:port and the server.N line, IPv4, IPv6 and names; servers.py all lines of an ensemble, and as text
problems.py    what a file got wrong: file, line, key, cure; all of it in one error
member.py      MemberConfig and Member, what every process of a member gets
dynamic.py     the server lines in a file of their own, after a reconfiguration
read.py        load_config(path): the files -> MemberConfig and warnings
"""
