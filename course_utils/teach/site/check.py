"""What must hold of every built page: links lead somewhere, nothing is loaded from elsewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch"}
ELSEWHERE = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""")


def complaints(site: Path) -> list[str]:
    """Everything that is wrong with a built site, as ``PAGE: what``."""
    pages = {path: BeautifulSoup(path.read_bytes(), "html.parser") for path in _html(site)}
    anchors = {path: _anchors(page) for path, page in pages.items()}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve()).as_posix()
        found += [f"{name}: {what}" for what in _broken(path, page, anchors)]
        found += [f"{name}: loads {address}" for address in _loaded(page) if _is_outside(address)]
        if page.select_one(".math"):
            found.append(f"{name}: formulas need MathJax, which comes from another host")
    for path in sorted(site.rglob("*.css")):
        for address in ELSEWHERE.findall(path.read_text(encoding="utf-8")):
            found.append(f"{path.relative_to(site).as_posix()}: loads {address}")
    return found


def _html(site: Path) -> list[Path]:
    found = (path for path in site.rglob("*.html") if "_static" not in path.parts)  # templates
    return sorted(path.resolve() for path in found)


def _anchors(page: BeautifulSoup) -> set[str]:
    return {tag["id"] for tag in page.select("[id]")} | {"", "top"}


def _broken(path: Path, page: BeautifulSoup, anchors: dict[Path, set[str]]) -> Iterator[str]:
    for tag in page.select("[href], [src]"):
        address = tag.get("href", tag.get("src"))
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not file.is_file():
            yield f"{address} is not there"
        elif file in anchors and unquote(parts.fragment) not in anchors[file]:
            yield f"{address} has no such anchor"


def _loaded(page: BeautifulSoup) -> Iterator[str]:
    yield from (tag["src"] for tag in page.select("[src]"))
    for tag in page.select("link[href]"):
        if LOADED_LINKS & set(tag.get("rel", ())):
            yield tag["href"]
    for style in page.select("style"):
        yield from ELSEWHERE.findall(style.get_text())


def _is_outside(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")
