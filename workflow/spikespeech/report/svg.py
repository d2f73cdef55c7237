"""Figures inside a page: ids of their own, colours that follow the page's theme."""

import base64
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from spikespeech.report.plots import INK, PAPER

HEAVY = 1_000_000
"""Bytes above which a figure is embedded as its PNG instead."""

THEMED = {INK: "currentColor", PAPER: "var(--paper)"}


def embed(svg_path, name, title):
    """Return HTML of the figure: inline SVG, or an image with a PNG data URI where it is heavy.

    Every id starts with `name`, so that figures share a page; nothing refers outside of it.
    """
    svg_path = Path(svg_path)
    if svg_path.stat().st_size > HEAVY:
        data = base64.b64encode(svg_path.with_suffix(".png").read_bytes()).decode()
        image = ElementTree.Element("img", src=f"data:image/png;base64,{data}", alt=title)
        return ElementTree.tostring(image, encoding="unicode", method="html")
    root = ElementTree.parse(svg_path).getroot()
    _adapt(root, name)
    viewbox = root.get("viewBox")
    root.attrib.clear()
    root.attrib |= {
        "viewBox": viewbox,
        "role": "img",
        "aria-label": title,
        "style": "stroke-linejoin: round; stroke-linecap: butt",
    }
    return ElementTree.tostring(root, encoding="unicode", method="html")


def _adapt(element, name):
    """Drop namespaces, metadata and style sheets; give ids the prefix, and colours the theme."""
    element.tag = _local(element.tag)
    for child in list(element):
        if _local(child.tag) in ("metadata", "style"):
            element.remove(child)
        else:
            _adapt(child, name)
    if element.tag == "defs" and not len(element):
        element.text = None
    attributes = {_local(key): value for key, value in element.attrib.items()}
    element.attrib.clear()
    for key, value in attributes.items():
        if key == "id":
            value = f"{name}-{value}"
        elif key == "href" and value.startswith("#"):
            value = f"#{name}-{value[1:]}"
        else:
            value = re.sub(r"url\(#(.+?)\)", rf"url(#{name}-\1)", value)
        if key != "href":
            for colour, themed in THEMED.items():
                value = value.replace(colour, themed)
        element.set(key, value)


def _local(name):
    return name.rpartition("}")[2]
