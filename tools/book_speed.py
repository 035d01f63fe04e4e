"""Work that the packages behind the book do many times over, done once, in a build or in several."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pybtex.plugin
from sphinx.search.en import SearchEnglish
from sphinx.util.osutil import relative_uri

# jsonschema, which notebooks are read with, loads it where it is, to check addresses that no notebook has: a second.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

LOCAL_LINK = re.compile(r'href="(?![\w+.-]+:|#)([^"]*)"')


def once(owner: Any, name: str) -> None:
    """Let a function or method remember its results."""
    setattr(owner, name, functools.cache(getattr(owner, name)))


once(SearchEnglish, "stem")  # pages share most of their words
once(SearchEnglish, "word_filter")
once(pybtex.plugin, "_load_entry_point")  # for each citation, it would ask all installed packages for styles


def render_toctree_once(builder: Any) -> None:
    """Render the list of pages once: on another page only the links' beginnings and the marked entry differ."""
    rendered = functools.cache(functools.partial(builder._get_local_toctree, builder.config.root_doc))

    def of_page(page: str, **options: Any) -> str:
        uri = builder.get_target_uri(page)
        text = LOCAL_LINK.sub(lambda link: f'href="{relative_uri(uri, link[1]) or "#"}"', rendered(**options))
        first, *lists = text.split("<ul>")
        entry, marked = '"toctree-l1"><a class="reference', '"toctree-l1 current"><a class="current reference'
        here = ' internal" href="#">'
        lists = [f'<ul class="current">{part}' if here in part else f"<ul>{part}" for part in lists]
        return "".join([first, *lists]).replace(entry + here, marked + here)

    builder._get_local_toctree = of_page


def keep(builder: Any, folder: Path) -> None:
    """Let the next builds use templates that were compiled, and code that was coloured, in this one."""
    for name in ("templates", "code"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    builder.templates.environment.bytecode_cache = jinja2.FileSystemBytecodeCache(str(folder / "templates"))
    builder.highlighter.highlight_block = coloured(builder.highlighter.highlight_block, folder / "code")


def coloured(highlight: Callable[..., str], folder: Path) -> Callable[..., str]:
    """Return the function that colours a block of code, with results in files; its warnings are not repeated."""

    def kept(
        source: str, lang: str, opts: Any = None, force: bool = False, location: object = None, **more: object
    ) -> str:
        key = repr((source, lang, opts, force, sorted(more.items())))
        path = folder / hashlib.sha256(key.encode()).hexdigest()
        if path.exists():
            return path.read_text(encoding="utf-8")
        text = highlight(source, lang, opts, force, location, **more)
        aside = path.with_suffix(f".{os.getpid()}")  # several processes may colour the same block
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
        return text

    return kept
