"""The `corral` command; `python -m node` is the same."""

from node.cli.commands import corral


def main() -> None:
    corral(prog_name="corral")


if __name__ == "__main__":
    main()
