"""Documents that are one table, ``matrix.json`` and ``proxies.json``: their text, their schema and their page."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import ClassVar

import msgspec

from wslb.reports import pages
from wslb.reports.files import put

__all__ = ["Part", "TabledDocument", "encode", "save", "schema_of"]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the saved document."""


class TabledDocument(Part, frozen=True, kw_only=True):
    """All of it; one field is called ``rows``.

    Attributes:
        DOCUMENT, PAGE: names of its files.
        TEMPLATE: what the page is drawn by.
    """

    DOCUMENT: ClassVar[str]
    PAGE: ClassVar[str]
    TEMPLATE: ClassVar[str]


def encode(document: TabledDocument) -> str:
    """Text of the saved document; a line is a row."""
    whole = json.loads(msgspec.json.encode(document))
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in whole.pop("rows"))
    head = json.dumps(whole, ensure_ascii=False)
    return f'{head[:-1]}, "rows": [\n{rows}\n]}}\n'


def schema_of(document: type[TabledDocument]) -> str:
    """The JSON Schema of such documents, made from the types."""
    schema = msgspec.json.schema(document)
    for one in schema["$defs"].values():
        one["description"] = inspect.cleandoc(one["description"])  # Python 3.13 and later have done it
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def save(document: TabledDocument, folder: Path) -> tuple[Path, ...]:
    """Save the document and draw it; the page first in what is returned.

    Raises:
        EvidenceError: the folder cannot be written.
    """
    data = put(folder / document.DOCUMENT, encode(document))
    page = pages.environment("reports/templates").get_template(document.TEMPLATE)
    return put(folder / document.PAGE, page.render(document=document)), data
