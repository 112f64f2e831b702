"""A report as JUnit XML, for continuous integration."""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..law import area
from ..results import Record, Results

_REFUSED: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold."""


def junit(results: Results, command: str = "conform") -> str:
    """One suite; a case's class is its area. Not run is skipped, and so is what was declared or known."""
    counts = results.counts()
    root = Element("testsuites", name=f"noetl {command}")
    suite = SubElement(
        root,
        "testsuite",
        name=f"noetl {command} {results.header.place()}",
        tests=str(len(results.records) + bool(results.notes)),
        failures=str(counts["failed"] + counts["stale"] + bool(results.notes)),
        errors=str(counts["broken"]),
        skipped=str(counts["not run"] + counts["declared"] + counts["known"]),
        timestamp=results.header.began,
    )
    if results.left:
        properties = SubElement(suite, "properties")
        for line in results.left:
            SubElement(properties, "property", name="not asked", value=_sound(line))
    for one in results.records:
        _add(suite, one)
    if results.notes:
        case = SubElement(suite, "testcase", name="claims of the target", classname="claims")
        SubElement(case, "failure", message=_sound(results.notes[0])).text = _sound("\n".join(results.notes))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _add(suite: Element, one: Record) -> None:
    case = SubElement(suite, "testcase", name=one.id, classname=area(one.clauses[0]), time=f"{one.seconds:.3f}")
    first = _sound(one.said)
    if one.verdict in ("failed", "stale"):
        SubElement(case, "failure", message=first).text = _sound("\n".join(one.told))
    elif one.verdict == "broken":
        SubElement(case, "error", message=first).text = _sound("\n".join(one.told))
    elif one.verdict != "passed":
        SubElement(case, "skipped", message=f"{one.verdict}: {first}")


def _sound(text: str) -> str:
    return _REFUSED.sub("\ufffd", text)
