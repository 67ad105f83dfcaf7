"""What TLS says is wrong between a command and a member, in words, with the cure."""

import ssl
from dataclasses import dataclass
from typing import Final

CA_VARIABLE: Final = "CORRAL_CA"


@dataclass(frozen=True, slots=True)
class TlsPort:
    """What is asked by TLS.  *speaks_none*: what is said and done then.  *wish*: the key by which it wants a client's
    certificate.  *cut_off*: what it means that it breaks off.  *any_name*: what takes a certificate for another name;
    empty: nothing does.
    """

    speaks_none: str
    wish: str
    cut_off: str
    any_name: str = ""

    def reason(self, error: OSError) -> str:
        """Of an ssl.SSLError, or of another end of a connection that speaks TLS."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._of_certificate(error.verify_message)
        if isinstance(error, ssl.SSLEOFError | ConnectionResetError):
            return self.cut_off
        said = str(error)
        if "WRONG_VERSION_NUMBER" in said or "RECORD_LAYER" in said:
            return self.speaks_none
        if "CERTIFICATE_REQUIRED" in said or "HANDSHAKE_FAILURE" in said:
            return f"it {wants_certificate(self.wish)}"
        return f"TLS: {(error.reason if isinstance(error, ssl.SSLError) else '') or said}"

    def _of_certificate(self, why: str) -> str:
        if "ostname" in why or "IP address" in why:
            return f"its certificate is for another name ({why}){self.any_name and f': {self.any_name}'}"
        return (f"its certificate is not trusted ({why}): --ca FILE, or ${CA_VARIABLE}, names the authority that "
                "signed it")


def wants_certificate(wish: str) -> str:
    return f"wants a certificate of yours ({wish}): --cert FILE, and --key"


_NO_TLS: Final = "it speaks no TLS there: give its secureClientPort, or leave out --tls, --ca and --cert"
CLIENT_PORT: Final = TlsPort(
    _NO_TLS, "ssl.clientAuth", cut_off=_NO_TLS, any_name="--any-host takes it all the same")
ADMIN_HTTP: Final = TlsPort(
    "it speaks no HTTPS: say http://HOST:PORT, or set admin.portUnification there", "admin.needClientAuth",
    # By TLS 1.3 a client may have sent its request, and be cut off for that, before it hears what the server thinks.
    cut_off=f"it has broken off: as a rule it {wants_certificate('admin.needClientAuth')}")
