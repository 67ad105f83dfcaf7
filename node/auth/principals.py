"""Names of Kerberos -> users of the scheme sasl, as ZooKeeper's KerberosName and its SASL server make them."""

import re
from dataclasses import dataclass

from node.auth.errors import SecurityError

_PRINCIPAL = re.compile(r"([^/@]+)(?:/([^/@]+))?(?:@([^/@]+))?")
_RULE = re.compile(
    r"\s*(?:(DEFAULT)|RULE:\[(\d+):([^\]]*)\](?:\(([^)]*)\))?(?:s/([^/]*)/([^/]*)/(g)?)?)\s*")


class NoRuleError(Exception):
    """None of the rules says who that is."""


@dataclass(frozen=True, slots=True)
class Rule:
    """*components*: 0: DEFAULT. *made*: of $0 (the realm), $1 and $2. *match*: must fit all of it; empty: any does."""

    components: int = 0
    made: str = ""
    match: str = ""
    pattern: str | None = None
    by: str = ""
    is_repeated: bool = False

    def apply(self, parts: list[str], realm: str) -> str | None:
        """*parts*: the realm, then the one or two others. None: it is about somebody else. Raises NoRuleError."""
        if not self.components:
            return parts[1] if parts[0] == realm else None
        if self.components != len(parts) - 1:
            return None
        base = re.sub(r"\$(\d)", lambda found: parts[int(found[1])] if int(found[1]) < len(parts) else "", self.made)
        if self.match and re.fullmatch(self.match, base) is None:
            return None
        name = base if self.pattern is None else re.sub(
            self.pattern, self.by.replace("\\", "\\\\"), base, count=0 if self.is_repeated else 1)
        if re.search(r"[/@]", name):
            raise NoRuleError(f"a rule makes {name!r} of {base!r}, which is no short name")
        return name


@dataclass(frozen=True, slots=True)
class Naming:
    """*rules*: as security.auth_to_local has them, the first that fits counts."""

    rules: tuple[Rule, ...] = (Rule(),)
    removes_host: bool = False
    removes_realm: bool = False

    def user_of(self, principal: str, realm: str) -> str:
        """*realm*: the member's own. Raises NoRuleError."""
        match = _PRINCIPAL.fullmatch(principal)
        if match is None:
            raise NoRuleError(f"{principal!r} is no name of Kerberos")
        name, host, of_realm = match.groups()
        user = self._short(name, host, of_realm, realm)
        if host and not self.removes_host:
            user += f"/{host}"
        return f"{user}@{of_realm}" if of_realm and not self.removes_realm else user

    def _short(self, name: str, host: str | None, of_realm: str | None, realm: str) -> str:
        if host is None and of_realm is None:
            return name
        parts = [of_realm or "", name, *([host] if host else [])]
        for rule in self.rules:
            if (found := rule.apply(parts, realm)) is not None:
                return found
        raise NoRuleError(f"no rule of security.auth_to_local is about {'/'.join(parts[1:])}@{parts[0]}")


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Of security.auth_to_local. Raises SecurityError."""
    rules: list[Rule] = []
    at = 0
    while at < len(text):
        match = _RULE.match(text, at)
        if match is None or match.end() == at:
            raise SecurityError(f"{text[at:at + 40]!r} is no rule: DEFAULT, or RULE:[n:string](expression)s/from/to/g")
        default, components, made, expression, pattern, by, repeated = match.groups()
        try:
            re.compile(expression or ""), re.compile(pattern or "")
        except re.error as error:
            raise SecurityError(f"{match[0].strip()!r}: {error}") from error
        rules.append(Rule() if default else Rule(
            int(components), made, expression or "", pattern, by or "", bool(repeated)))
        at = match.end()
    return tuple(rules) or (Rule(),)
