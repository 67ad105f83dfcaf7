"""The reference of four-letter words is what the table has, and the table is what a member answers."""

from node.config.words import FOUR_LETTER_WORDS, PAGE, with_table
from node.requests.four_letter import WORDS


def test_the_page_shows_the_table_as_it_is() -> None:
    page = PAGE.read_text()

    assert page == with_table(page), "write it anew: python -m node.config.words"


def test_every_word_that_is_answered_is_in_the_table_and_no_other() -> None:
    assert FOUR_LETTER_WORDS.keys() == WORDS.keys()


def test_the_page_names_those_that_are_answered_by_who_serves_nobody() -> None:
    always = [word for word in FOUR_LETTER_WORDS if not WORDS[word][1]]

    assert sorted(always) == sorted(["ruok", "isro", "envi", "gtmk", "stmk"])
    assert "All but `ruok`, `isro`, `envi`, `gtmk` and `stmk` answer" in PAGE.read_text()
