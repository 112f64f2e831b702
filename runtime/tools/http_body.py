"""What an http response's body is as a value (TOO-1)."""

from __future__ import annotations

import json
import math
from typing import NoReturn

from noetl.compiler.ir import Json
from noetl.compiler.values import NotSerializable


def body_value(content: bytes, content_type: str) -> Json:
    """Nothing is null; JSON is parsed where the type says JSON, or says nothing; the rest is text.

    Text that claims to be JSON and is not stays text. NotSerializable for JSON whose numbers no float or integer holds,
    and for bytes that are no text.
    """
    if not content:
        return None
    kind, _, parameters = content_type.lower().partition(";")
    kind = kind.strip()
    if kind in ("", "application/json", "text/json") or kind.endswith("+json"):
        try:
            return _parsed(content)
        except (json.JSONDecodeError, UnicodeDecodeError):
            return _text(content, parameters)
    return _text(content, parameters)


def _parsed(content: bytes) -> Json:
    try:
        value: Json = json.loads(content, parse_float=_float, parse_constant=_constant)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:
        raise NotSerializable("the response body holds an integer with too many digits") from None
    except RecursionError:
        raise NotSerializable("the response body nests too deep") from None
    return value


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotSerializable(f"the response body holds {text[:40]}, which is too large for a number")
    return number


def _constant(text: str) -> NoReturn:
    raise NotSerializable(f"the response body holds {text}, which is not JSON")


def _text(content: bytes, parameters: str) -> str:
    charset = next((p.partition("=")[2].strip(" \"'") for p in parameters.split(";") if "charset=" in p), "utf-8")
    try:
        return content.decode(charset)
    except UnicodeDecodeError:
        raise NotSerializable(f"the response body is neither JSON nor {charset} text") from None
    except LookupError:
        raise NotSerializable(f'the response body is in "{charset}", which is not known here') from None
