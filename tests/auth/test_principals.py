"""Names of Kerberos -> users: expected values are those of ZooKeeper's KerberosName with the same rules."""

import pytest

from node.auth.errors import SecurityError
from node.auth.principals import Naming, NoRuleError, parse_rules

REALM = "A.REALM"


def named(principal: str, rules: str = "DEFAULT", **removes: bool) -> str:
    return Naming(parse_rules(rules), **removes).user_of(principal, REALM)


def test_by_default_nothing_is_taken_away() -> None:
    assert named("ann@A.REALM") == "ann@A.REALM"
    assert named("ann/host@A.REALM") == "ann/host@A.REALM"


def test_host_and_realm_can_be_taken_away() -> None:
    assert named("ann/host@A.REALM", removes_host=True) == "ann@A.REALM"
    assert named("ann/host@A.REALM", removes_realm=True) == "ann/host"
    assert named("ann/host@A.REALM", removes_host=True, removes_realm=True) == "ann"


def test_another_realm_wants_a_rule() -> None:
    with pytest.raises(NoRuleError):
        named("ann@OTHER")
    assert named("ann@OTHER", "RULE:[1:$1@$0](.*@OTHER)s/@.*// DEFAULT", removes_realm=True) == "ann"


def test_rules_are_tried_in_order_and_are_about_so_many_parts() -> None:
    rules = "RULE:[2:$1;$2](.*;admin)s/;.*/-admin/ RULE:[1:$1](b.*)s/b/c/g DEFAULT"
    both = {"removes_host": True, "removes_realm": True}

    assert named("ann/admin@A.REALM", rules, **both) == "ann-admin"
    assert named("bobby@A.REALM", rules, **both) == "coccy"
    assert named("ann@A.REALM", rules, **both) == "ann"


def test_a_rule_must_make_a_short_name() -> None:
    with pytest.raises(NoRuleError, match="short name"):
        named("ann@A.REALM", "RULE:[1:$1@$0]")


@pytest.mark.parametrize("text", ["RULE", "RULE:[x:$1]", "RULE:[1:$1](()", "DEFAULT nonsense"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(SecurityError):
        parse_rules(text)


@pytest.mark.parametrize("principal", ["", "a/b/c@R", "@R", "a@b@c"])
def test_what_is_no_principal_is_refused(principal: str) -> None:
    with pytest.raises(NoRuleError):
        named(principal)
