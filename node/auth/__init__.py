"""What proves who a client is, outside the pure core: key stores, certificates, files of passwords.

key_stores.py    PEM and PKCS12 files -> what TLS needs
tls.py           the TLS of the client port, made anew when its files have changed
certificates.py  a certificate -> the id of the scheme x509
jaas.py          ZooKeeper's login files
check.py         all of it read once, before a member starts
login.py         SASL as such a file says
kerberos.py      its mechanism GSSAPI, by the package gssapi
principals.py    names of Kerberos -> users
"""
