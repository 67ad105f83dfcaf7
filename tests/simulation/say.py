"""A line for whoever ran the command, at once."""


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
