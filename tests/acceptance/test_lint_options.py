"""The options of `noetl lint`, each driven as a user does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .test_lint_command import CLEAN, ERROR, HEAD, NOETL, WARNING, run

NOTE = HEAD + "workflow:\n  - step: start\n    tool: {kind: http, endpoint: 'http://x'}\n    next: end\n"
FIXED = NOTE.replace("endpoint", "url") + "  - step: end\n"
BRANCHES = HEAD + "workflow:\n  - step: start\n    next: [both]\n  - step: both\n    join: all\n"
LOOP = (
    HEAD
    + "workload: {n: [1]}\nworkflow:\n  - step: start\n    tool: {kind: python, code: 'result = 1'}\n"
    + "    loop: {in: workload.n, iterator: i, max_in_flight: 2}\n"
)


def codes(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    return [found["code"] for found in json.loads(done.stdout)["diagnostics"]]


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return run("lint", *arguments, cwd=folder)


def findings(folder: Path, *arguments: str) -> list[str]:
    return codes(lint(folder, "--format", "json", *arguments))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("error", ERROR), ("warning", WARNING), ("note", NOTE), ("clean", CLEAN)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


# -- selection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["NTL203", "NTL130", "NTL131", "NTL204"]),
        (["--select", "NTL2"], ["NTL203", "NTL204"]),
        (["--select", "names,normalised-spelling"], ["NTL203", "NTL130", "NTL204"]),
        (["--ignore", "NTL1", "--ignore", "unreachable-step"], ["NTL203"]),
        (["--select", "names", "--ignore", "NTL203"], ["NTL204"]),
    ],
)
def test_select_and_ignore(folder: Path, options: list[str], expected: list[str]) -> None:
    assert findings(folder, ".", *options) == expected


def test_a_selector_that_means_nothing_is_a_usage_error(folder: Path) -> None:
    done = lint(folder, ".", "--select", "unknown-stp")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        'noetl: error: "unknown-stp" is no code, name or family of findings; did you mean "unknown-step"?\n'
    )


def test_a_text_that_cannot_be_read_is_told_whatever_is_selected(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CLEAN + "---\na: [", encoding="utf-8")
    assert "NTL006" in findings(tmp_path, "a.yaml", "--select", "security")
    assert findings(tmp_path, "a.yaml", "--select", "security", "--ignore", "yaml") == []


def test_a_second_document_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{CLEAN}---\n{CLEAN}", encoding="utf-8")
    done = lint(tmp_path, "--format", "json", ".")
    assert (done.returncode, codes(done)) == (1, ["NTL006"])


def test_extensions_are_reported_on_demand(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BRANCHES, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(LOOP, encoding="utf-8")
    assert findings(tmp_path, ".") == []
    assert findings(tmp_path, ".", "--portable") == ["NTL801", "NTL802"]
    assert findings(tmp_path, ".", "--select", "default,NTL802") == ["NTL802"]
    assert lint(tmp_path, ".", "--portable").returncode == 0
    assert lint(tmp_path, ".", "--portable", "--strict").returncode == 1


def test_a_target_adds_what_it_cannot_carry(tmp_path: Path) -> None:
    text = HEAD + "workflow:\n  - {step: start, tool: {kind: container, image: x}}\n"
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert "NTL504" not in findings(tmp_path, "a.yaml")
    assert "NTL504" in findings(tmp_path, "a.yaml", "--target", "airflow")


def test_a_target_that_is_not_there_is_refused_with_those_that_are(folder: Path) -> None:
    done = lint(folder, ".", "--target", "cron")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b'noetl: error: there is no target "cron"; installed: airflow, argo\n'


# -- suppression and baseline ------------------------------------------------------------------------------------------


def test_a_comment_suppresses_and_is_told_when_it_does_not(tmp_path: Path) -> None:
    playbook = tmp_path / "a.yaml"
    playbook.write_text(ERROR.replace("nowhere", "nowhere  # noetl: ignore[NTL203]"), encoding="utf-8")
    done = lint(tmp_path, "a.yaml")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"1 file: 0 errors, 0 warnings, 0 notes; 1 suppressed\n"
    playbook.write_text(CLEAN + "# noetl: ignore-file[NTL203]\n", encoding="utf-8")
    assert findings(tmp_path, "a.yaml") == ["NTL701"]
    assert findings(tmp_path, "a.yaml", "--select", "NTL1") == []
    lint(tmp_path, "a.yaml", "--fix")
    assert playbook.read_text(encoding="utf-8") == CLEAN


def test_a_baseline_hides_what_is_known(folder: Path) -> None:
    wrote = lint(folder, ".", "--baseline", "known.json", "--write-baseline")
    assert (wrote.returncode, wrote.stdout) == (0, b"")
    assert wrote.stderr.startswith(b"wrote known.json: 4 known\n")
    done = lint(folder, ".", "--baseline", "known.json")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"4 files: 0 errors, 0 warnings, 0 notes; 4 in the baseline\n"
    moved = "\n\n" + ERROR + "  - step: new\n"
    (folder / "error.yaml").write_text(moved, encoding="utf-8")
    assert findings(folder, ".", "--baseline", "known.json") == ["NTL204"]
    (folder / "error.yaml").write_text(CLEAN, encoding="utf-8")
    gone = lint(folder, ".", "--baseline", "known.json")
    assert gone.returncode == 0
    assert b"known.json:1:1: note[NTL703] 1 finding of the baseline is gone\n" in gone.stdout


def test_a_baseline_keeps_what_it_knows_of_other_files(folder: Path) -> None:
    lint(folder, ".", "--baseline", "known.json", "--write-baseline")
    (folder / "warning.yaml").unlink()
    lint(folder, "error.yaml", "--baseline", "known.json", "--write-baseline")
    kept = json.loads((folder / "known.json").read_text(encoding="utf-8"))["findings"]
    assert [(one["path"], one["code"]) for one in kept] == [
        ("error.yaml", "NTL203"),
        ("note.yaml", "NTL130"),
        ("note.yaml", "NTL131"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "--write-baseline makes one"), ("[]", '"known.json" is no baseline'), ("[" * 100_000, "is no baseline")],
)
def test_a_baseline_that_is_none_is_a_usage_error(folder: Path, text: str | None, message: str) -> None:
    if text is not None:
        (folder / "known.json").write_text(text, encoding="utf-8")
    done = lint(folder, ".", "--baseline", "known.json")
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr.decode()
    assert lint(folder, ".", "--write-baseline").returncode == 2


# -- fixes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_break", [b"\n", b"\r\n", b"\r"])
def test_fix_changes_nothing_else(tmp_path: Path, line_break: bytes, mark: bytes) -> None:
    playbook = tmp_path / "a.yaml"
    before, after = (
        mark + text.replace("step:", "step:\t").encode().replace(b"\n", line_break) for text in (NOTE, FIXED)
    )
    after = after.removesuffix(line_break).replace(b"step:\t end", b"step: end")
    playbook.write_bytes(before.removesuffix(line_break))
    playbook.chmod(0o640)
    done = lint(tmp_path, "a.yaml", "--fix")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"1 file: 0 errors, 0 warnings, 0 notes; 2 fixed\n"
    assert playbook.read_bytes() == after
    assert playbook.stat().st_mode & 0o777 == 0o640
    again = lint(tmp_path, "a.yaml", "--fix", "--no-cache")
    assert again.stderr == b"1 file: 0 errors, 0 warnings, 0 notes\n"
    assert playbook.read_bytes() == after


def test_fix_keeps_to_what_is_shown(tmp_path: Path) -> None:
    playbook = tmp_path / "a.yaml"
    playbook.write_text(NOTE, encoding="utf-8")
    lint(tmp_path, "a.yaml", "--fix", "--ignore", "NTL131")
    assert playbook.read_text(encoding="utf-8") == NOTE.replace("endpoint", "url")


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(NOTE, encoding="utf-8")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    lint(tmp_path, "b.yaml", "--fix")
    assert (tmp_path / "b.yaml").is_symlink()
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == FIXED


def test_fix_of_standard_input_goes_to_standard_output() -> None:
    done = run("lint", "-", "--fix", stdin=NOTE.encode())
    assert done.stdout.decode() == FIXED
    untouched = run("lint", "-", "--fix", stdin=ERROR.encode())
    assert (untouched.returncode, untouched.stdout.decode()) == (1, ERROR)
    assert b"error[NTL203]" in untouched.stderr


@pytest.mark.parametrize("text", [NOTE, NOTE.removesuffix("\n"), NOTE.replace("\n", "\r\n")])
def test_diff_is_what_fix_does(tmp_path: Path, text: str) -> None:
    patch = shutil.which("patch")
    assert patch is not None
    playbook, patched = tmp_path / "a.yaml", tmp_path / "b.yaml"
    playbook.write_bytes(text.encode())
    shown = lint(tmp_path, "a.yaml", "--diff")
    assert shown.returncode == 1
    assert playbook.read_bytes() == text.encode()
    shutil.copy(playbook, patched)
    subprocess.run([patch, "--binary", str(patched)], input=shown.stdout, check=True, capture_output=True, timeout=60)
    lint(tmp_path, "a.yaml", "--fix")
    assert patched.read_bytes() == playbook.read_bytes() != text.encode()
    clean = lint(tmp_path, "a.yaml", "--diff")
    assert (clean.returncode, clean.stdout) == (0, b"")


def test_a_file_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(NOTE, encoding="utf-8")
    blocked = tmp_path / f"a.yaml.noetl-{os.getpid()}"
    blocked.mkdir()
    from noetl.cli.linting.review import write_whole  # in this process, whose id is known
    from noetl.errors import UsageError

    with pytest.raises(UsageError, match="cannot write"):
        write_whole(str(tmp_path / "a.yaml"), b"")
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == NOTE


def test_options_that_exclude_each_other(folder: Path) -> None:
    for options in (["--fix", "--diff"], ["--fix", "--baseline", "b", "--write-baseline"]):
        done = lint(folder, ".", *options)
        assert done.returncode == 2
        assert b"exclude each other" in done.stderr


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_github_annotates_lines(tmp_path: Path) -> None:
    (tmp_path / "a, b%.yaml").write_text(ERROR, encoding="utf-8")
    done = lint(tmp_path, "a, b%.yaml", "--format", "github")
    assert done.returncode == 1
    assert done.stdout.decode() == (
        "::error file=a%2C b%25.yaml,line=6,endLine=6,col=11,endColumn=17,title=NTL203 unknown-step"
        '::step "start" routes to unknown step "nowhere"; steps: start\n'
    )


def test_github_has_one_line_for_each_finding(folder: Path) -> None:
    lines = lint(folder, ".", "--format", "github").stdout.decode().splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error", "::notice", "::notice", "::warning"]


def test_sarif_is_one_document_also_without_findings(folder: Path) -> None:
    empty = json.loads(lint(folder, "clean.yaml", "--format", "sarif").stdout)
    assert (empty["version"], empty["runs"][0]["results"]) == ("2.1.0", [])
    done = lint(folder, ".", "--format", "sarif")
    assert done.returncode == 1
    places = [
        (r["ruleId"], r["level"], r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for r in json.loads(done.stdout)["runs"][0]["results"]
    ]
    assert places == [
        ("NTL203", "error", "error.yaml"),
        ("NTL130", "note", "note.yaml"),
        ("NTL131", "note", "note.yaml"),
        ("NTL204", "warning", "warning.yaml"),
    ]


def test_statistics(folder: Path) -> None:
    done = lint(folder, ".", "--statistics")
    assert done.returncode == 1
    assert done.stdout.decode() == (
        "1  NTL130  note     normalised-spelling (1 fixable)\n"
        "1  NTL131  note     undeclared-end (1 fixable)\n"
        "1  NTL203  error    unknown-step\n"
        "1  NTL204  warning  unreachable-step\n"
    )
    told = json.loads(lint(folder, ".", "--statistics", "--format", "json").stdout)["statistics"]
    assert told[0] == {"code": "NTL130", "name": "normalised-spelling", "severity": "note", "count": 1, "fixable": 1}
    assert lint(folder, ".", "--statistics", "--format", "sarif").returncode == 2


@pytest.mark.parametrize("kind", ["NTL203", "ntl203", "unknown-step"])
def test_explain_shows_the_page(kind: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "checks" / "NTL203-unknown-step.md"
    done = run("lint", "--explain", kind)
    assert (done.returncode, done.stdout) == (0, page.read_bytes())


def test_explain_of_no_kind() -> None:
    done = run("lint", "--explain", "NTL20")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b'"NTL20" is no code or name of findings' in done.stderr


# -- configuration -----------------------------------------------------------------------------------------------------


def test_the_configuration_of_the_folder_of_the_playbooks_counts(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / "noetl.toml").write_text('ignore = ["NTL130"]\nexclude = ["warning.yaml"]\n', encoding="utf-8")
    assert findings(elsewhere, str(folder)) == ["NTL203", "NTL131"]
    assert findings(folder, ".", "--ignore", "NTL131") == ["NTL203", "NTL130"]
    assert findings(folder, "warning.yaml") == ["NTL204"]


def test_files_have_ignores_of_their_own(folder: Path) -> None:
    text = '[tool.noetl]\nstrict = true\n[tool.noetl.per-file-ignores]\n"w*.yaml" = ["NTL204"]\n'
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    assert findings(folder, ".") == ["NTL203", "NTL130", "NTL131"]
    assert lint(folder, "warning.yaml").returncode == 0
    (folder / "pyproject.toml").write_text("[tool.noetl]\nstrict = true\n", encoding="utf-8")
    assert lint(folder, "warning.yaml").returncode == 1


def test_a_configuration_may_be_named(folder: Path) -> None:
    (folder / "noetl.toml").write_text("strict = true", encoding="utf-8")
    (folder / "other.toml").write_text('select = ["NTL204"]', encoding="utf-8")
    assert findings(folder, ".", "--config", "other.toml") == ["NTL204"]
    assert lint(folder, "warning.yaml", "--config", "other.toml").returncode == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strict = 1", 'noetl.toml: "strict" must be true or false\n'),
        ("selekt = []", 'noetl.toml: unknown key "selekt"; keys: '),
        ('ignore = ["NTL999"]', 'noetl.toml: "NTL999" is no code, name or family of findings'),
        ('target = "cron"', 'there is no target "cron"; installed: airflow, argo\n'),
    ],
)
def test_a_wrong_configuration_is_a_usage_error(folder: Path, text: str, message: str) -> None:
    (folder / "noetl.toml").write_text(text, encoding="utf-8")
    done = lint(folder, ".")
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr.decode()


# -- cache and processes -----------------------------------------------------------------------------------------------


def test_the_cache_changes_no_answer(folder: Path) -> None:
    cold = lint(folder, ".", "--no-cache")
    assert not (folder / ".noetl_cache").exists()
    assert [lint(folder, ".").stdout for _ in range(2)] == [cold.stdout] * 2
    assert len(list((folder / ".noetl_cache").glob("*.json"))) == 4
    (folder / "error.yaml").write_text(CLEAN, encoding="utf-8")
    assert findings(folder, ".") == ["NTL130", "NTL131", "NTL204"]
    for entry in (folder / ".noetl_cache").iterdir():
        entry.write_bytes(b"\0" + entry.read_bytes()[1:])
    assert findings(folder, ".") == ["NTL130", "NTL131", "NTL204"]


def test_standard_input_is_not_kept(tmp_path: Path) -> None:
    run("lint", "-", stdin=ERROR.encode(), cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_share_a_cache(folder: Path) -> None:
    expected = lint(folder, ".", "--no-cache").stdout
    started = [
        subprocess.Popen([NOETL, "lint", "."], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    assert [process.communicate(timeout=120)[0] for process in started] == [expected] * 6


def test_several_processes_give_the_same_in_the_same_order(folder: Path) -> None:
    for number in range(30):
        name, text = (("b", ERROR), ("c", WARNING), ("d", NOTE))[number % 3]
        (folder / f"{name}{number}.yaml").write_text(f"# {number}\n{text}", encoding="utf-8")
    one, many = (lint(folder, ".", "--no-cache", "--processes", number) for number in ("1", "3"))
    assert (one.stdout, one.stderr, one.returncode) == (many.stdout, many.stderr, many.returncode)
    assert one.returncode == 1


# -- names of files --------------------------------------------------------------------------------------------------


def test_fix_goes_on_after_a_file_that_it_must_not_write(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    for path in (tmp_path / "a.yaml" / "note.yaml", tmp_path / "b.yaml"):
        path.write_text(NOTE)
    (tmp_path / "a.yaml" / "note.yaml").chmod(0o444)
    done = lint(tmp_path, "--fix", "--format", "json", ".")
    assert (done.returncode, codes(done)) == (2, ["NTL130", "NTL131"])
    assert b'cannot write "./a.yaml/note.yaml": it is read-only' in done.stderr
    assert (tmp_path / "a.yaml" / "note.yaml").read_text() == NOTE
    assert (tmp_path / "b.yaml").read_text() == FIXED


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with a file whose name is no UTF-8, and one whose name would colour a terminal."""
    for name in (b"\xff.yaml", b"\x1b[31mred\n.yaml"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(ERROR.encode())
    return tmp_path


def test_sarif_names_a_file_that_is_not_utf_8(odd: Path) -> None:
    done = lint(odd, "--format", "sarif", ".")
    places = [r["locations"][0]["physicalLocation"] for r in json.loads(done.stdout)["runs"][0]["results"]]
    assert done.returncode == 1
    assert [p["artifactLocation"]["uri"] for p in places] == ["%1B%5B31mred%0A.yaml", "%FF.yaml"]


def test_a_baseline_knows_a_file_that_is_not_utf_8(odd: Path) -> None:
    assert lint(odd, ".", "--baseline", "known.json", "--write-baseline").returncode == 0
    json.loads((odd / "known.json").read_text(encoding="utf-8"))
    assert findings(odd, ".", "--baseline", "known.json") == []


def test_the_name_of_a_file_cannot_write_to_a_terminal(odd: Path) -> None:
    for option in ("--format=text", "--diff"):
        assert b"\x1b" not in lint(odd, option, ".").stdout
    assert rb"./\x1b[31mred\n.yaml:" in lint(odd, ".").stdout


def test_what_has_no_text_is_shown_without_a_line(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    done = lint(tmp_path, "gone.yaml", "empty.yaml")
    assert [line[:10] for line in done.stdout.decode().splitlines()] == ["empty.yaml", "gone.yaml:"]


@pytest.mark.parametrize("word", ["NTL999", "NTL", "NTL9"])
def test_a_code_has_no_other_code_that_it_is_like(folder: Path, word: str) -> None:
    for option in ("--select", "--explain"):
        assert b"did you mean" not in lint(folder, option, word, ".").stderr
    assert b'did you mean "NTL203"?' in lint(folder, "--select", "ntl203", ".").stderr
