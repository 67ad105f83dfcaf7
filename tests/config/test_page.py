"""The reference of keys is what the table has."""

from node.config.page import PAGE, with_tables
from node.config.table import KEYS


def test_the_page_shows_the_table_as_it_is() -> None:
    page = PAGE.read_text()

    assert page == with_tables(page), "write it anew: python -m node.config.page"


def test_every_key_is_on_the_page_once() -> None:
    page = PAGE.read_text()

    assert [key.name for key in KEYS if page.count(f"\n| `{key.name}` |") != 1] == []
