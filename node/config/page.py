"""docs/configuration.md's tables, made from the table of keys: python -m node.config.page writes them there."""

from collections.abc import Iterator
from pathlib import Path

from node.config.key import Key, Kind, Standing
from node.config.table import KEYS
from node.config.tables.corral import CORRAL
from node.config.tables.http import HTTP
from node.config.tables.overload import OVERLOAD
from node.config.tables.security import SECURITY
from node.config.tables.service import SERVICE

PAGE = Path(__file__).parent.parent.parent / "docs/configuration.md"
BEGIN, END = "<!-- keys -->\n", "<!-- end of keys -->\n"
_TITLES = (("Service", SERVICE), ("Overload", OVERLOAD), ("Security", SECURITY), ("HTTP for operators", HTTP),
           ("Corral's own", CORRAL))
_STANDINGS = (
    (Standing.REFUSED, "Refused", "Setting one is an error, because what it asks for would be missing without a word."),
    (Standing.NOT_BUILT, "Not built", "Setting one is a warning that says what is lost."),
    (Standing.WITHOUT_EFFECT, "Known, without effect",
     "They belong to a JVM, or to what Corral does otherwise. A value that asks for what is not done is a warning."),
)


def with_tables(page: str) -> str:
    """The page with the tables as the code has them, between its two marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}{''.join(_sections())}{END}{rest.split(END)[1]}"


def _sections() -> Iterator[str]:
    for title, keys in _TITLES:
        yield f"\n## {title}\n\n| key | default | what it is |\n| --- | --- | --- |\n"
        yield from (f"| `{key.name}` | {_default(key)} | {_text(key.meaning)}{_limits(key)} |\n"
                    for key in keys if key.standing is Standing.HONOURED)
    for standing, title, says in _STANDINGS:
        if rows := [key for key in KEYS if key.standing is standing]:
            yield f"\n## {title}\n\n{says}\n\n| key | what it is in ZooKeeper | here |\n| --- | --- | --- |\n"
            yield from (f"| `{key.name}` | {_text(key.meaning)} | {_text(key.loss)} |\n" for key in rows)
    yield "\n"


def _default(key: Key) -> str:
    return f"`{key.default}`" if key.default else "—"


def _limits(key: Key) -> str:
    told = []
    if key.kind is Kind.INT and (key.least, key.most) != (0, 2**31 - 1):
        told.append(f"at least {key.least}" if key.most == 2**31 - 1 else f"{key.least} to {key.most}")
    if key.is_live:
        told.append("live")
    return f" ({', '.join(told)})" if told else ""


def _text(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
