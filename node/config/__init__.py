"""One member's configuration: ZooKeeper's zoo.cfg and myid, read once, frozen.

table.py       every key: standing, kind, default, meaning, and what is lost if not honoured
properties.py  the file's text as entries with line numbers (Java's Properties format)
address.py     host:port and the server.N line, IPv4, IPv6 and names
problems.py    what a file got wrong: file, line, key, cure; all of it in one error
member.py      MemberConfig and Member, what every process of a member gets
read.py        load_config(path): the files -> MemberConfig and warnings
"""
