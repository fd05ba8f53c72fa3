"""The layers that people read about are the ones that import-linter holds."""

import re
import tomllib

import coexplorer
from tests.support.pages import ROOT


def find_layers() -> list[str]:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = next(each["layers"] for each in linter["contracts"] if each["name"] == "layers")
    return [name for line in layers for name in line.split(" | ") if name != "__main__"]


def test_pages_name_each_layer_from_top_to_bottom() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    drawn = re.findall(r"[a-z0-9_]+", page.split("## Layers")[1].split("`import-linter`")[0])
    told = re.findall(r"[a-z0-9_]+", (coexplorer.__doc__ or "").split("):")[-1])
    for words in (drawn, told):
        places = [words.index(name) for name in find_layers()]
        assert places == sorted(places)
