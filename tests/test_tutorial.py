"""TUTORIAL.md does what it says."""

import re
from pathlib import Path

TUTORIAL = Path(__file__).parents[1] / "TUTORIAL.md"


def test_the_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = TUTORIAL.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))
    assert len(blocks) >= 7
    names = {}
    for block in blocks:
        line = text[: block.start(1)].count("\n")  # so that an error names its line in the tutorial
        exec(compile("\n" * line + block[1], TUTORIAL, "exec"), names)
    assert {"toy.h5", "toy.net", "toy.nir"} <= {path.name for path in tmp_path.iterdir()}
