"""The parts of a playbook: top level, steps, loops, rules, workbook, transitions, tools and sinks."""

from __future__ import annotations

from typing import Final

from .words import Key, Place

PLACES: Final = (
    Place(
        "playbook",
        "Playbook",
        "A workflow in NoETL DSL v2: steps that call tools, and rules that react to what happened.",
        "DOC-1, DOC-3",
        (
            Key("apiVersion", "The version of the language.", "DOC-1", ("noetl.io/v2",)),
            Key("kind", "What the document is.", "DOC-1", ("Playbook",)),
            Key("metadata", "The name of the playbook and what is said about it.", "DOC-2", inside="metadata"),
            Key(
                "workload",
                "The data that an execution starts with. Rendered once, then the payload of the request is merged in.",
                "RUN-1",
                ({"api": "https://api.example.com", "limit": 10},),
            ),
            Key(
                "keychain",
                "References to secrets, read as keychain.NAME.FIELD in tool fields.",
                "TOO-11",
                inside="keychain",
            ),
            Key("workbook", "Tools with a name, which steps call by kind workbook.", "DOC-10", inside="task"),
            Key("workflow", "The steps. Names are unique, and one of them is start.", "DOC-4", inside="step"),
            Key("executor", "Tolerated and without effect.", "DOC-3"),
            Key("tracing", "Tolerated and without effect.", "DOC-3"),
            Key("spec", "Tolerated; templates can read it as spec.", "DOC-3"),
        ),
    ),
    Place(
        "metadata",
        "Metadata",
        "What a playbook is called. Other keys are kept untouched.",
        "DOC-2",
        (
            Key("name", "The name of the playbook.", "DOC-2", ("load_users",)),
            Key("path", "Where other playbooks find it (kind playbook).", "DOC-2, TOO-4", ("etl/load_users",)),
            Key("version", "The version of the playbook.", "DOC-2", ("2.0",)),
            Key("description", "What it is for.", "DOC-2", ("Loads the users of one region.",)),
            Key("labels", "A mapping of your own.", "DOC-2", ({"team": "data"},)),
            Key("tags", "A list of words.", "DOC-2", (["etl", "users"],)),
        ),
    ),
    Place(
        "keychain",
        "Keychain entry",
        "A secret by reference. It is resolved where the call is made and never leaves it.",
        "TOO-11",
        (
            Key("name", "How templates name it: keychain.NAME.FIELD.", "TOO-11", ("api",)),
            Key("kind", "Where the secret comes from.", "TOO-11", ("secret_manager", "oauth2")),
        ),
    ),
    Place(
        "task",
        "Workbook task",
        "A tool under a name, with an optional sink of its own.",
        "DOC-10",
        (
            Key("name", "The name that steps call it by.", "DOC-10", ("greet",)),
            Key("tool", "What the task runs.", "DOC-10", ({"kind": "python", "code": "result = 1"},), inside="tool"),
            Key("sink", "Where a result goes when the task worked.", "SNK-2", inside="sink"),
            Key("desc", "What it does, for people.", "DOC-10", ("Greets one user",)),
            Key(
                "assert",
                "The names that the task takes and gives.",
                "DOC-10",
                ({"expects": ["user"]},),
                inside="assert",
            ),
        ),
    ),
    Place(
        "assert",
        "Assert",
        "Declares names; lint compares them with what is passed and read.",
        "DOC-10",
        (
            Key("expects", "Names of args that have to be passed.", "DOC-10", (["user"],)),
            Key("returns", "Names that the result has.", "DOC-10", (["greeting"],)),
        ),
    ),
    Place(
        "step",
        "Step",
        "One step: it may call a tool, react by rules and pass control on. A run of it is one activation.",
        "DOC-5",
        (
            Key("step", "The name of the step; its result is read by this name.", "DOC-4, RES-1", ("fetch",)),
            Key("desc", "What it does, for people.", "DOC-5", ("Fetches one page",)),
            Key(
                "args",
                "Named values, rendered when control arrives and overlaid by the transition's args.",
                "STP-2",
                ({"page": "{{ workload.page }}"},),
            ),
            Key(
                "tool",
                "What the step calls.",
                "DOC-6, STP-4",
                ({"kind": "http", "url": "{{ workload.api }}/users"},),
                inside="tool",
            ),
            Key(
                "loop",
                "Makes the call once for each item of a list.",
                "DOC-9, LOP-1",
                ({"in": "{{ workload.users }}", "iterator": "user"},),
                inside="loop",
            ),
            Key(
                "case",
                "Rules. For each event the first whose when is true fires, and the others are not looked at.",
                "DOC-8, RUL-1",
                ([{"when": "{{ event.name == 'call.error' }}", "then": {"retry": {"max_attempts": 3}}}],),
                inside="rule",
            ),
            Key(
                "next",
                "Where control goes when no rule fixed a transition. Without it the branch ends here.",
                "DOC-7, STP-7",
                ("end", [{"step": "load", "args": {"rows": "{{ fetch.data }}"}}]),
                inside="transition",
            ),
            Key(
                "sink",
                "A tool that stores the result of a success, before the rules of step.exit.",
                "SNK-2",
                ({"tool": {"kind": "postgres", "table": "users", "mode": "insert"}},),
                inside="sink",
            ),
            Key("vars", "Names written into the store on success.", "VAR-1", ({"total": "{{ result.count }}"},)),
            Key(
                "join",
                "Where branches meet: each makes one run per arrival, all waits for everything that can still arrive.",
                "STP-1",
                ("all",),
                "each",
                extension=True,
            ),
        ),
    ),
    Place(
        "loop",
        "Loop",
        "The items of a loop step and how they are gone through.",
        "DOC-9",
        (
            Key(
                "in",
                "The items: one expression that gives a list or a map, or a list.",
                "LOP-1",
                ("{{ workload.users }}",),
            ),
            Key("iterator", "The name under which each item is read.", "LOP-1, TPL-7", ("user",)),
            Key("mode", "One after the other, or side by side.", "LOP-2", ("parallel",), "sequential"),
            Key("max_in_flight", "How many items of a parallel loop are under way.", "LOP-8", (4,), extension=True),
        ),
    ),
    Place(
        "rule",
        "Rule",
        "When something happened, then do this.",
        "RUL-1",
        (
            Key(
                "when",
                "One expression. A rule that does not mention event.name listens to the outcome of the call.",
                "RUL-2, TPL-5",
                ("{{ event.name == 'call.done' and response.data.more }}",),
            ),
            Key(
                "then",
                "Actions, run in the order written; at most one of next, call, retry, skip and fail.",
                "RUL-6",
                ([{"set": {"done": True}}, {"next": "end"}],),
                inside="then",
            ),
        ),
    ),
    Place(
        "transition",
        "Transition",
        "One entry of next: one token for the step that it names.",
        "NXT-1",
        (
            Key("step", "The step that control goes to.", "DOC-7", ("load",)),
            Key(
                "args",
                "Values that the target reads as args, rendered here.",
                "STP-2",
                ({"page": "{{ args.page + 1 }}"},),
            ),
        ),
    ),
    Place(
        "tool",
        "Tool",
        "A kind and its fields. Strings in fields may hold templates, rendered when the call is made.",
        "DOC-6, STP-4",
        (
            Key("kind", "Which tool it is.", "DOC-6, TOO-8", ("http", "python", "postgres")),
            Key(
                "args",
                "Named values for the tool. An entry here wins over one of the step's args.",
                "STP-4",
                ({"user": "{{ workload.user }}"},),
            ),
            Key(
                "assert", "The names that the tool takes and gives.", "DOC-10", ({"returns": ["id"]},), inside="assert"
            ),
        ),
    ),
    Place(
        "sink",
        "Sink",
        "A tool that is run with the result as its data. One that fails fails the run.",
        "SNK-1",
        (
            Key(
                "tool",
                "The tool that stores. Fields beside it are merged into it.",
                "SNK-1",
                ({"kind": "event_log", "data": "{{ result }}"},),
                inside="tool",
            ),
        ),
    ),
)
