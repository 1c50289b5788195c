"""Look at a page of Markdown as GitHub shows it, in a real browser.

    python tools/look.py PAGE.md SCREENSHOT.png

Needs `cmark-gfm` (GitHub's own parser) and `chromium`, both packages of Debian, and npm, which
installs the style sheet of GitHub's pages. What GitHub's sanitiser takes away is taken away.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.check import npm_packages  # noqa: E402

STYLE: Final = ROOT / "tools" / "page"
PROGRAMS: Final = ("chromium", "cmark-gfm", "npm")
#: In pixels: about what a comment has.
WIDTH, HEIGHT = 800, 1_000

_EXTENSIONS = ("table", "autolink", "strikethrough", "tagfilter")
# https://github.com/gjtorikian/html-pipeline/blob/main/lib/html_pipeline/sanitization_filter.rb
_KEPT = """
h1 h2 h3 h4 h5 h6 br b i strong em a pre code img tt div ins del sup sub p picture ol ul table thead
tbody tfoot blockquote dl dt dd kbd q samp var hr ruby rt rp li tr td th s strike summary details
caption figure figcaption abbr bdo cite dfn mark small source span time wbr
"""
_ELEMENTS = frozenset(_KEPT.split())
_ATTRIBUTES = frozenset({"href", "align", "open", "src", "alt"})
_SCHEMES = ("http://", "https://", "mailto:", "#")
_WITHOUT_TEXT = frozenset({"script", "style"})
# Elements that have no end.
_VOID = frozenset({"br", "hr", "img", "source", "wbr"})

_BODY = re.compile("<body>(.*)</body>", re.DOTALL)
_PAGE = """<!doctype html><meta charset="utf-8"><style>{style}
body {{ margin: 0 }}
article {{ box-sizing: border-box; padding: 16px; font-size: 14px !important }}</style>
<article class="markdown-body">{body}</article>
<script>
const boxes = [...document.querySelectorAll("article *")].map((each) => {{
  const box = each.getBoundingClientRect();
  return {{tag: each.localName, text: each.textContent.slice(0, 200), top: box.top,
    right: box.right, href: each.getAttribute("href"), open: each.hasAttribute("open")}};
}});
const width = document.documentElement.scrollWidth;
document.body.textContent = "";
document.body.append(JSON.stringify({{width, boxes}}));
</script>
"""


class _Sanitiser(HTMLParser):
    """Keeps the elements and attributes that GitHub keeps."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.kept: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _WITHOUT_TEXT
        if tag in _ELEMENTS:
            kept = [f' {name}="{escape(value or "")}"' for name, value in attrs if _ok(name, value)]
            self.kept.append(f"<{tag}{''.join(kept)}>")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _WITHOUT_TEXT
        if tag in _ELEMENTS - _VOID:
            self.kept.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.kept.append(escape(data))


def _ok(name: str, value: str | None) -> bool:
    is_link = name in {"href", "src"}
    return name in _ATTRIBUTES and (not is_link or (value or "").lower().startswith(_SCHEMES))


def missing() -> list[str]:
    """The programs that are needed and not there."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def html(markdown: str) -> str:
    """What GitHub makes of Markdown, after its sanitiser."""
    options = [option for name in _EXTENSIONS for option in ("-e", name)]
    made = subprocess.run(
        ["cmark-gfm", "--unsafe", *options],
        input=markdown,
        capture_output=True,
        text=True,
        check=True,
    )
    sanitiser = _Sanitiser()
    sanitiser.feed(made.stdout)
    return "".join(sanitiser.kept)


def measured(markdown: str) -> dict[str, Any]:
    """The width of the page in pixels, and of each element its tag, text, link and place."""
    dumped = _browse(_page(markdown), ["--dump-dom"])
    found: dict[str, Any] = json.loads(unescape(_BODY.findall(dumped)[0]))
    return found


def photograph(markdown: str, target: Path) -> None:
    """Write a picture of the first screens of the page."""
    page = _page(markdown).partition("<script>")[0]
    _browse(page, [f"--screenshot={target.resolve()}"])


def _page(markdown: str) -> str:
    if npm_packages(STYLE):
        raise RuntimeError("npm could not install the style sheet")
    style = STYLE / "node_modules" / "github-markdown-css" / "github-markdown-light.css"
    return _PAGE.format(style=style.read_text(), body=html(markdown))


def _browse(page: str, options: Sequence[str]) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "page.html"
        file.write_text(page, "utf-8")
        command = [
            *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={scratch}/profile", f"--window-size={WIDTH},{HEIGHT}"),
            *(*options, file.as_uri()),
        ]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=120
        ).stdout


def main() -> int:
    """Photograph a page; 2 if a program for it is missing."""
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    if missing():
        print(f"not installed: {', '.join(missing())}", file=sys.stderr)
        return 2
    photograph(Path(sys.argv[1]).read_text("utf-8"), Path(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
