"""The actions of a `then` block and the keys inside them."""

from __future__ import annotations

from typing import Final

from .words import Key, Place

DATA: Final = ("set", "collect", "result", "sink", "log")
"""Actions that run where they stand (RUL-6)."""
CONTROL: Final = ("next", "call", "retry", "skip", "fail")
"""Actions that take effect when their block has ended; one at most per block."""

PLACES: Final = (
    Place(
        "then",
        "Actions",
        "What a rule does. Data actions run in the order written; a control action takes effect at the end.",
        "RUL-6",
        (
            Key("set", "Writes names into the store.", "SET-1", ({"page": 1, "seen": "{{ response.data.id }}"},)),
            Key(
                "collect",
                "Adds a value to a list or map of the store.",
                "COL-1, COL-3",
                ({"from": "response.data.items", "into": "items", "mode": "extend"},),
                inside="collect",
            ),
            Key(
                "result",
                "Sets the result of the run, which later steps read by the step's name.",
                "RES-1",
                ({"from": "ctx.items"}, {"count": "{{ ctx.items | length }}"}),
                inside="result",
            ),
            Key(
                "sink",
                "Runs a tool inside the block and waits for it. One that fails fails the run.",
                "SNK-1",
                ({"tool": {"kind": "event_log", "data": "{{ result }}"}},),
                inside="sink",
            ),
            Key("log", "Writes a text into the event log.", "LOG-1", ("page {{ args.page }} is done",)),
            Key(
                "next",
                "Passes control on: one token per entry. An empty list ends the branch.",
                "NXT-1, STP-7",
                ("end", [{"step": "load", "args": {"id": "{{ response.data.id }}"}}]),
                inside="transition",
            ),
            Key(
                "call",
                "Calls the tool again, with these fields over those of the step's tool.",
                "CALL-1",
                ({"params": {"page": "{{ response.data.page + 1 }}"}},),
                inside="call",
            ),
            Key(
                "retry",
                "Repeats the last call as it was; with fields of the tool it is a bounded call for paging.",
                "RET-1, RET-5",
                ({"max_attempts": 5, "initial_delay": 1, "backoff_multiplier": 2},),
                inside="retry",
            ),
            Key(
                "skip",
                "Ends the run as skipped, without a result.",
                "SKP-1",
                ({"reason": "nothing to do"},),
                inside="skip",
            ),
            Key("fail", "Ends the run as failed.", "FAI-1", ({"message": "no rows"},), inside="fail"),
        ),
    ),
    Place(
        "collect",
        "Collect",
        "What is added to which name of the store, and how.",
        "COL-1",
        (
            Key("from", "One expression; undefined collects nothing.", "COL-1", ("response.data.items",)),
            Key("into", "The name in the store, read as ctx.NAME.", "COL-2", ("items",)),
            Key(
                "mode",
                "append adds one element, extend joins lists, merge updates a map, replace overwrites.",
                "COL-1",
                ("extend",),
                "append",
            ),
            Key("strategy", "Marks the form strategy, path, into.", "COL-3", ("append",)),
            Key("path", "Where the items are in the body of the response.", "COL-3", ("data.items",)),
        ),
    ),
    Place(
        "result",
        "Result",
        "One expression; any other mapping, list or template is rendered as the result.",
        "RES-1",
        (Key("from", "The expression whose value is the result.", "RES-1", ("response.data",)),),
    ),
    Place(
        "call",
        "Call",
        "Fields of the tool that this call has instead; params, headers and args merge by one level.",
        "CALL-1",
        (),
    ),
    Place(
        "retry",
        "Retry",
        "How often and after which waits a call is repeated.",
        "RET-1",
        (
            Key(
                "max_attempts",
                "How many attempts a call has, the first included; with overrides, calls.",
                "RET-2, RET-5",
                (5,),
                3,
            ),
            Key("initial_delay", "Seconds before the second attempt.", "RET-2", (0.5,), 0.5),
            Key("backoff_multiplier", "What each wait is longer by.", "RET-2", (2,), 2.0),
            Key("max_delay", "The longest wait in seconds.", "RET-2", (30,)),
        ),
    ),
    Place("skip", "Skip", "Ends the run as skipped.", "SKP-1", (Key("reason", "Why.", "SKP-1", ("no rows",)),)),
    Place(
        "fail",
        "Fail",
        "Ends the run as failed.",
        "FAI-1",
        (
            Key("message", "The message of the error.", "FAI-1", ("the account {{ args.id }} is closed",)),
            Key(
                "fail_workflow",
                "Whether the execution fails, too; with false only this branch ends.",
                "FAI-1, RUN-6",
                (False,),
                True,
            ),
        ),
    ),
)
