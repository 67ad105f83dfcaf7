"""Writes the dashboards: `python -m dashboards.generator`.  A test says when they are stale."""

from dashboards.generator.all import DASHBOARDS, FOLDER, text_of

for name, dashboard in DASHBOARDS.items():
    (FOLDER / f"{name}.json").write_text(text_of(dashboard))
