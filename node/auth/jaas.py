"""ZooKeeper's login files (JAAS), as far as SASL of clients needs them: a section's modules and their options.

    Server {
        org.apache.zookeeper.server.auth.DigestLoginModule required
        user_ann="a password"
        user_super="another";
    };
"""

import re
from dataclasses import dataclass
from pathlib import Path

from node.auth.errors import SecurityError

DIGEST_MODULE = "org.apache.zookeeper.server.auth.DigestLoginModule"
KERBEROS_MODULE = "com.sun.security.auth.module.Krb5LoginModule"
_USER = "user_"
_SIGN = "\0"  # before a token that is a sign: a password may be a bracket
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|(?m:^\s*#[^\n]*)|(\"(?:\\.|[^\"\\])*\")", re.DOTALL)
_TOKEN = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|([{};=])|([^\s{};="]+))')


class JaasError(SecurityError):
    """The file cannot be used."""


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    options: dict[str, str]

    @property
    def users(self) -> dict[str, str]:
        """Of the digest module: name -> password."""
        return {name.removeprefix(_USER): word for name, word in self.options.items() if name.startswith(_USER)}


def read_section(file: Path, section: str) -> Module:
    """The first module of a section. Raises JaasError."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise JaasError(f"{file} cannot be read: {error}") from error
    found = parse_sections(text, file)
    if section not in found:
        raise JaasError(f"{file} has no section {section}, but {', '.join(sorted(found)) or 'none at all'}: "
                        f"add one, or name another by sasl.serverconfig")
    return found[section]


def parse_sections(text: str, file: Path) -> dict[str, Module]:
    """Each section's first module. Raises JaasError."""
    tokens = _tokens(text, file)
    sections: dict[str, Module] = {}
    at = 0
    while at < len(tokens):
        name = tokens[at]
        end = next((i for i in range(at, len(tokens)) if tokens[i] == _SIGN + "}"), -1)
        if end < 0 or tokens[at + 1:at + 2] != [_SIGN + "{"]:
            raise JaasError(f'{file}: a section reads as: {name} {{ Module required user_ann="password"; }};')
        sections[name] = _module(tokens[at + 2:end], file, name)
        at = end + 1
        while tokens[at:at + 1] == [_SIGN + ";"]:
            at += 1
    return sections


def _tokens(text: str, file: Path) -> list[str]:
    text = _COMMENT.sub(lambda match: match[1] or " ", text).rstrip()
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise JaasError(f"{file}: a quotation mark stands alone near {text[at:at + 20].strip()!r}")
        quoted, sign, word = match.groups()
        tokens.append(_SIGN + sign if sign else word or re.sub(r"\\(.)", r"\1", quoted or ""))
        at = match.end()
    return tokens


def _module(tokens: list[str], file: Path, section: str) -> Module:
    """`Name required a="b" c="d" ;`: only the first; ZooKeeper uses no second one."""
    end = tokens.index(_SIGN + ";") if _SIGN + ";" in tokens else len(tokens)
    words = tokens[:end]
    options = {words[i - 1]: words[i + 1] for i in range(1, len(words) - 1) if words[i] == _SIGN + "="}
    if len(words) < 2 or 2 + 3 * len(options) != len(words):
        raise JaasError(f'{file}: section {section}: a module reads as: Module required name="value" ... ;')
    return Module(words[0], options)
