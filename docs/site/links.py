"""For mkdocs: a link to a folder, or out of docs/ to a file of the source, becomes the file's name as code.

The pages are read on the site and in the source; only there can such a link be followed.
"""

import posixpath
import re
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:)([^)#\s]*)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: object) -> str:
    folder = posixpath.dirname(page.file.src_uri)

    def shown(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[2]))
        if not target.startswith("../") and not link[2].endswith("/"):
            return link[0]
        name, text = target.removeprefix("../"), link[1].strip("`")
        return f"`{text}`" if name.endswith(text) else f"{link[1]} (`{name}`)"

    return _LINK.sub(shown, markdown)
