"""The RTL's own files, as the chapter shows them."""

from __future__ import annotations

from html import escape

from eie.hardware.build import RTL


def code(module: str) -> str:
    """Return the file of a module."""
    path = RTL / f"{module}.sv"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RTL.glob("*.sv")))
        raise ValueError(f"there is no module {module!r}; there are {known}")
    return path.read_text(encoding="utf-8")


def says(module: str) -> str:
    """Return the comment that a module's file begins with, as one paragraph, without its examples."""
    lines: list[str] = []
    for line in code(module).splitlines():
        text = line.removeprefix("//")
        if not line.startswith("//") or text.startswith("   "):
            break
        lines.append(text.strip())
    return " ".join(lines).strip()


def folded(module: str) -> str:
    """Return a module's file as HTML that unfolds."""
    text = code(module)
    count = len(text.splitlines())
    return (
        f'<details class="rtl"><summary><code>{escape(module)}.sv</code>, {count} lines</summary>\n'
        f'<div class="highlight"><pre tabindex="0">{_coloured(text)}</pre></div>\n</details>'
    )


def _coloured(text: str) -> str:
    """Mark keywords and comments as Sphinx does, if its highlighter is installed."""
    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import SystemVerilogLexer
    except ImportError:
        return escape(text)
    return str(highlight(text, SystemVerilogLexer(), HtmlFormatter(nowrap=True)))
