"""`%pod_log`, `%pod_tag`, `%pod_save`, `%pod_undo`, `%pod_status`: what they show and do."""

from __future__ import annotations

import datetime

import pytest
from support.kernels import PodKernel

MAGICS = ["log", "diff", "checkout", "status", "save", "undo", "tag", "gc"]


def test_the_log_shows_a_graph_with_head_tags_code_changes_and_failure(pod: PodKernel) -> None:
    t = pod.cell("frame = [1]\nother = 2")
    pod.run("%pod_tag start")
    pod.run("frame.append(3)\n1 / 0")
    pod.checkout(t)
    branch = pod.cell("del other")
    text = pod.run("%pod_log -n 3").text
    lines = text.splitlines()
    assert lines[0].split() == ["◉", str(branch), "HEAD", "just", "now", *lines[0].split()[5:]]
    assert lines[0].endswith("del other")
    assert "-other" in lines[1]
    assert f"● {branch - 1}" in lines[2]
    assert lines[2].endswith("frame.append(3)  (+1 line)")
    assert "~frame" in lines[3]
    assert "✗ ZeroDivisionError: division by zero" in lines[4]
    assert f"{t}  start" in lines[5]
    assert lines[6].startswith("├─╯") or lines[3].startswith("├─╯")
    assert "+frame, other" in lines[6]
    assert "%pod_log --all shows every one" in lines[-1]


def test_the_log_has_an_html_form(pod: PodKernel) -> None:
    pod.cell("angle = '<b>'")
    html = pod.run("%pod_log -n 1").html
    assert html.startswith("<")
    assert "angle = &#x27;&lt;b&gt;&#x27;" in html
    assert "HEAD" in html


def test_the_json_log_has_what_a_program_needs(pod: PodKernel) -> None:
    pod.cell("gone = [0] * 1000\nsame = 1")
    pod.run("same\nkept = [1]\ndel gone\n1 / 0")
    [commit] = pod.log("-n 1")
    expected = {
        "code": "same\nkept = [1]\ndel gone\n1 / 0",
        "ok": False,
        "added": ["kept"],
        "changed": [],
        "removed": ["gone"],
        "head": True,
        "tags": [],
        "parent": commit["t"] - 1,
    }
    assert commit.items() >= expected.items()
    assert commit["bytes"] > 0
    assert 0 < commit["seconds"] < 30
    created = datetime.datetime.fromisoformat(commit["created"])
    assert abs((datetime.datetime.now(datetime.UTC) - created).total_seconds()) < 120


def test_the_log_of_a_variable_has_the_times_that_changed_it(pod: PodKernel) -> None:
    made = pod.cell("table = [1]\nother = 1")
    pod.cell("other = 2\nlen(table)")
    grown = pod.cell("table.append(2)")
    dropped = pod.cell("del table")
    assert [c["t"] for c in pod.log("table")] == [dropped, grown, made]
    assert [c["t"] for c in pod.log("-n 2 table")] == [dropped, grown]
    text = pod.run("%pod_log table").text
    assert "table.append(2)" in text
    assert "other = 2" not in text


def test_a_variable_that_never_was_is_said_to_be_unknown(pod: PodKernel) -> None:
    assert "no_such_name: not in the history" in pod.run("%pod_log no_such_name").stderr
    assert pod.log("no_such_name") == []


def test_the_log_shows_thirty_times_unless_told_otherwise(pod: PodKernel) -> None:
    for number in range(35):
        pod.run(f"x = {number}")
    total = len(pod.log())
    assert pod.run("%pod_log").text.count("x = ") == 30
    assert pod.run("%pod_log -n 33").text.count("x = ") == 33
    assert len(pod.log("")) == total


def test_a_tag_is_a_time_reference_from_then_on(pod: PodKernel) -> None:
    first = pod.cell("x = 1")
    second = pod.cell("x = 2")
    assert pod.run(f"%pod_tag old {first}").text == f"time {first} is tagged old"
    assert pod.run("%pod_tag new").text == f"time {second} is tagged new"
    pod.checkout("old")
    assert pod.value("x") == 1
    pod.checkout("new~1")
    assert pod.value("x") == 1
    assert pod.run("%pod_tag -d old").text == "tag old is removed"
    assert "there is no tag old" in pod.run("%pod_checkout old").stderr


def test_a_moment_saved_by_hand_has_its_message(pod: PodKernel) -> None:
    pod.cell("x = 1")
    saved = pod.run("%pod_save -m before the big change")
    assert saved.text == f"saved as time {pod.head['t']}"
    assert pod.head["message"] == "before the big change"
    assert "“before the big change”" in pod.run("%pod_log -n 1").text
    pod.run('%pod_save --message "in quotes"')
    assert pod.head["message"] == "in quotes"
    pod.run("%pod_save -m don't")
    assert pod.head["message"] == "don't"


def test_undo_goes_back_before_the_last_cell_and_again_further(pod: PodKernel) -> None:
    pod.cell("x = [1]")
    pod.cell("x.append(2)")
    pod.cell("x.append(3)")
    pod.run("%pod_undo")
    assert pod.value("x") == [1, 2]
    pod.run("%pod_undo")
    assert pod.value("x") == [1]
    pod.cell("x.append(4)")
    assert pod.value("x") == [1, 4]
    pod.run("%pod_undo")
    assert pod.value("x") == [1]


def test_undo_takes_a_cell_that_failed_back_too(pod: PodKernel) -> None:
    pod.cell("x = [1]")
    pod.run("x.clear()\n1 / 0")
    pod.run("%pod_undo")
    assert pod.value("x") == [1]


def test_undo_at_the_first_time_says_that_nothing_is_before_it(pod: PodKernel) -> None:
    assert pod.run("%pod_undo").text == "time 1 is the first of its branch; nothing is before it"


def test_status_tells_where_and_how_far(pod: PodKernel) -> None:
    t = pod.cell("generator = (n for n in range(3))\nx = 1")
    ran = pod.run("%pod_status")
    assert str(pod.pod_dir) in ran.text
    assert f"HEAD            {t}\n" in ran.text
    assert "all is on disk" in ran.text
    assert "generator: generator (TypeError: cannot pickle 'generator' object)" in ran.text
    assert str(pod.pod_dir) in ran.html


@pytest.mark.parametrize("magic", MAGICS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_magic_has_a_manual(pod: PodKernel, magic: str, flag: str) -> None:
    before = pod.log()[0]["t"]
    ran = pod.run(f"%pod_{magic} {flag}")
    assert (ran.error, ran.stderr) == ("", "")
    assert f"%pod_{magic} [-h]" in ran.stdout
    assert "options:" in ran.stdout
    assert pod.log()[0]["t"] == before


@pytest.mark.parametrize("magic", MAGICS)
def test_a_question_mark_shows_the_manual_too(pod: PodKernel, magic: str) -> None:
    [page] = pod.run(f"%pod_{magic}?").reply["payload"]
    assert f"%pod_{magic} [-h]" in page["data"]["text/plain"]
