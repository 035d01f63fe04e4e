"""Write `CITATION.cff` as BibTeX, for the book's page on how to cite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def markdown(path: Path) -> str:
    """Return the entries of a citation file as a block of BibTeX, and the licence in a sentence."""
    citation = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = [_software(citation), *map(_paper, citation["references"])]
    joined = "\n\n".join(entries)
    return f"```bibtex\n{joined}\n```\n\nThe software is under the licence {citation['license']}.\n"


def _software(citation: dict[str, Any]) -> str:
    fields = {
        "author": _authors(citation["authors"]),
        "title": f"{{{citation['title']}}}",
        "version": citation["version"],
        "url": citation["repository-code"],
    }
    return _entry("software", "eie", fields)


def _paper(reference: dict[str, Any]) -> str:
    fields = {
        "author": _authors(reference["authors"]),
        "title": f"{{{reference['title']}}}",
        "booktitle": reference["conference"]["name"],
        "year": reference["year"],
        "doi": reference["doi"],
    }
    key = f"{reference['authors'][0]['family-names'].lower()}{reference['year']}"
    return _entry("inproceedings", key, fields)


def _authors(authors: list[dict[str, str]]) -> str:
    """Return names in BibTeX's order; one that is no person's is kept together by braces."""
    names = [f"{{{a['name']}}}" if "name" in a else f"{a['family-names']}, {a['given-names']}" for a in authors]
    return " and ".join(names)


def _entry(kind: str, key: str, fields: dict[str, Any]) -> str:
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@{kind}{{{key},\n{lines}\n}}"
