"""The log: a sequence of commits, and what it shows of them as text, as HTML and as JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.history import text
from pod.history.log import Log, select
from pod.history.records import Commit

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def commit(t: int, parent: int | None = None, code: str = "x = 1", **rest: object) -> Commit:
    plain = Commit(
        t=t,
        parent=parent,
        created=(NOW - timedelta(minutes=3)).isoformat(),
        seconds=1.24,
        code=code,
        ok=True,
        error="",
        added=(),
        changed=(),
        removed=(),
        bytes=1_300_000,
        save_seconds=0.012,
        table=("00ff",),
    )
    return replace(plain, **rest)


def log(*commits: Commit, **rest: object) -> Log:
    known = {"head": None, "tags": {}, "total": len(commits), "now": NOW}
    return Log(commits, **known | rest)


def lines(*commits: Commit, **rest: object) -> list[str]:
    return str(log(*commits, **rest)).splitlines()


class Page(HTMLParser):
    """Reads HTML back: its elements, those left open, attributes, and the text a person sees."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.values: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.values += attrs
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.values += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(*commits: Commit, **rest: object) -> Page:
    return Page(log(*commits, **rest)._repr_html_())


# As a sequence ------------------------------------------------------------------------------------


def test_a_log_is_a_sequence_of_commits_newest_first() -> None:
    history = log(commit(3, 2), commit(2, 1), commit(1))
    assert [one.t for one in history] == [3, 2, 1]
    assert (len(history), history[0].t, history[-1].t) == (3, 3, 1)
    assert commit(2, 1) in history


def test_a_slice_is_a_log_that_still_knows_what_it_left_out() -> None:
    history = log(commit(3, 2), commit(2, 1), commit(1), note="that is all", head=3)
    ends = history[::2]
    assert isinstance(ends, Log) and [one.t for one in ends] == [3, 1]
    assert str(ends).splitlines()[1].startswith("┆")
    assert str(ends).endswith("2 of 3 shown")


def test_a_slice_that_runs_backwards_is_drawn_newest_first_all_the_same() -> None:
    history = log(commit(2, 1), commit(1))
    assert [one.t for one in history[::-1]] == [1, 2]
    assert str(history[::-1]) == str(history)


def test_a_log_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        log().head = 3  # type: ignore[misc]


def test_repr_is_one_short_line() -> None:
    assert repr(log(commit(7), head=7)) == "<Log: 1 commit, HEAD at 7>"
    assert repr(log(commit(7), total=9)) == "<Log: 1 of 9 commits>"


def test_select_keeps_the_commits_that_added_changed_or_removed_one_of_the_names() -> None:
    commits = [
        commit(4, removed=("x",)),
        commit(3, changed=("x", "z")),
        commit(2, added=("y",)),
        commit(1, added=("x",)),
    ]
    assert [one.t for one in select(commits, ["x"])] == [4, 3, 1]
    assert [one.t for one in select(commits, {"y", "z"})] == [3, 2]
    assert select(commits, []) == ()


# As text ------------------------------------------------------------------------------------------


def test_a_commit_is_two_lines_the_cell_and_what_it_did() -> None:
    first, second = lines(
        commit(7, code="model = fit(X)", added=("model",), changed=("scores",), removed=("tmp",)),
        head=7,
        tags={"best": 7},
    )
    assert first == "◉ 7  HEAD best   3 min ago · 1.2 s   model = fit(X)"
    assert second == "                 +model  ~scores  -tmp · 1.3 MB"


def test_branches_are_drawn_as_a_graph() -> None:
    shown = lines(commit(3, 1), commit(2, 1), commit(1))
    assert [line[:3].rstrip() for line in shown] == ["●", "│", "│ ●", "├─╯", "●", ""]


def test_a_filtered_log_bridges_the_gaps_between_its_commits() -> None:
    history = [commit(3, 2, changed=("x",)), commit(2, 1), commit(1, added=("x",))]
    shown = lines(*select(history, ["x"]), total=3, parents={one.t: one.parent for one in history})
    assert [line[:1] for line in shown[:3]] == ["●", "┆", "●"]


def test_the_first_line_of_code_that_is_no_comment_stands_for_the_cell() -> None:
    code = "# train\n\nmodel = fit(X)\nscore(model)\n"
    assert lines(commit(1, code=code))[0].endswith("model = fit(X)  (+2 lines)")
    assert lines(commit(1, code="# only a remark"))[0].endswith("# only a remark")
    assert lines(commit(1, code=""))[0].endswith("(no code)")


def test_a_failed_cell_says_what_it_raised() -> None:
    shown = lines(commit(1, ok=False, error="NameError: name 'y' is not defined"))
    assert shown[2].strip() == "✗ NameError: name 'y' is not defined"


def test_the_message_of_a_save_made_by_hand_is_shown() -> None:
    assert lines(commit(1, message="before tuning"))[2].strip() == "“before tuning”"
    assert lines(commit(1, code="", message="before tuning"))[0].endswith("“before tuning”")


def test_many_names_are_abbreviated() -> None:
    names = tuple(f"v{n}" for n in range(18))
    assert "+v0, v1, v2, v3, v4, v5, … 12 more · " in lines(commit(1, added=names))[1]
    assert "+v0, v1, v2, v3, v4, v5, v6 · " in lines(commit(1, added=names[:7]))[1]


def test_long_names_leave_room_for_the_cost() -> None:
    names = tuple(f"{'long' * 10}_{n}" for n in range(18))
    shown = lines(commit(1, added=names, changed=names, removed=names))[1]
    assert len(shown) <= 100 and shown.endswith(" · 1.3 MB")


def test_a_save_that_is_still_being_written_says_so_instead_of_its_size() -> None:
    first, second = lines(commit(1), pending=frozenset({1}))
    assert first.startswith("○") and second.endswith("saving…")


def test_an_empty_log_says_how_history_begins() -> None:
    assert str(log()).startswith("No history yet")
    assert "No history yet" in page().text
    assert str(log(total=4, note="Nothing touched x.")).splitlines() == [
        "No commits to show; 4 in all.",
        "Nothing touched x.",
    ]


def test_below_the_graph_stands_the_note_or_how_much_is_left_out() -> None:
    assert lines(commit(1), total=9, note="… 8 older")[-1] == "… 8 older"
    assert lines(commit(1), total=9)[-1] == "1 of 9 shown"


def test_a_narrower_terminal_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    size = os.terminal_size((60, 24))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda fallback: size)
    assert max(map(len, lines(commit(1, code="value + " * 50)))) == 60


def test_ipython_prints_the_same_text() -> None:
    written: list[str] = []

    class Printer:
        text = staticmethod(written.append)

    history = log(commit(1))
    history._repr_pretty_(Printer(), cycle=False)
    assert written == [str(history)]


names = st.lists(st.text(min_size=1, max_size=30), max_size=12).map(tuple)
anything = st.builds(
    commit,
    t=st.integers(1, 10**6),
    parent=st.none() | st.integers(1, 10**6),
    code=st.text(),
    created=st.text() | st.datetimes().map(datetime.isoformat),
    seconds=st.floats(0, 1e6),
    ok=st.booleans(),
    error=st.text(),
    message=st.text(),
    added=names,
    changed=names,
    removed=names,
    bytes=st.integers(0, 10**15),
    notebook=st.text(),
)


@given(
    st.lists(anything, max_size=8, unique_by=lambda one: one.t),
    st.dictionaries(st.text(max_size=40), st.integers(1, 10**6), max_size=4),
)
@settings(max_examples=120)
def test_whatever_commits_hold_text_fits_and_html_is_well_formed_and_encodes(
    commits: list[Commit], tags: dict[str, int]
) -> None:
    tags |= {f"tag {one.t}": one.t for one in commits}
    history = log(*commits, tags=tags, head=commits[0].t if commits else None)
    shown = str(history).splitlines()
    assert all(text.columns(line) <= 100 and line.isprintable() for line in shown)
    assert 2 * len(commits) <= len(shown) <= max(1, 3 * len(commits))
    source = history._repr_html_()
    source.encode()
    assert not Page(source).open
    json.dumps(history.to_json())


def test_a_graph_of_very_many_branches_leaves_room_for_the_words() -> None:
    branches = [commit(t, t - 100) for t in range(200, 100, -1)]
    shown = lines(*branches, *(commit(t) for t in range(100, 0, -1)))
    assert all(len(line) <= 100 and "x = 1" in line for line in shown[::2])


# As HTML ------------------------------------------------------------------------------------------


def test_html_escapes_everything_a_user_wrote() -> None:
    evil = "<script>alert('&\"')</script>"
    shown = page(
        commit(1, None, f"{evil}\n{evil}", error=evil, ok=False, message=evil, added=(evil,)),
        commit(2, None, evil, notebook=evil, python=evil, session=evil, created=evil),
        tags={evil: 1},
        note=evil,
    )
    assert "script" not in shown.tags
    # As code twice, as whole code of two lines, and as time, tag, message, error, name and note.
    assert shown.text.count(evil) == 10
    assert not [name for name, _ in shown.values if name.startswith("on")]


def test_html_needs_nothing_from_elsewhere() -> None:
    source = log(commit(2, 1, "a\nb"), commit(1))._repr_html_()
    assert not Page(source).tags & {"script", "link", "img", "style", "iframe"}
    assert "http" not in source and "url(" not in source


def test_html_shows_the_whole_cell_when_its_line_is_opened() -> None:
    shown = page(commit(1, code="# why\na = 1\nb = 2"))
    assert "details" in shown.tags and "# why\na = 1\nb = 2" in shown.text
    assert "a = 1 (+2 lines)" in shown.text


def test_html_tells_the_exact_time_and_all_names_on_hovering() -> None:
    many = tuple(f"v{n}" for n in range(18))
    titles = [value for name, value in page(commit(1, added=many)).values if name == "title"]
    assert commit(1).created in titles
    assert f"added: {', '.join(many)}" in titles


def test_html_takes_its_colours_from_the_theme() -> None:
    source = log(commit(1, added=("x",)), head=1)._repr_html_()
    for colour in ("--jp-ui-font-color1", "--jp-ui-font-color2", "--jp-brand-color1"):
        assert f"var({colour}," in source


# As JSON ------------------------------------------------------------------------------------------


def test_json_is_the_record_its_tags_and_whether_it_is_head() -> None:
    history = log(commit(2, 1), commit(1), head=2, tags={"b": 2, "a": 2}, pending=frozenset({2}))
    newest, oldest = json.loads(json.dumps(history.to_json()))
    record = commit(2, 1).to_json()
    del record["table"], record["definitions"], record["random"]
    assert newest == record | {"tags": ["a", "b"], "head": True, "pending": True}
    assert (oldest["tags"], oldest["head"], oldest["pending"]) == ([], False, False)


# Words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nbytes", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_249_000, "1.2 MB"),
        (999_999, "1.0 MB"),
        (3_000_000_000, "3.0 GB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_sizes_are_in_decimal_units(nbytes: int, words: str) -> None:
    assert text.size(nbytes) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0001, "<1 ms"),
        (0.012, "12 ms"),
        (0.9999, "1.0 s"),
        (3.44, "3.4 s"),
        (59.97, "1 min"),
        (125, "2 min 5 s"),
        (3599.7, "1 h"),
        (3780, "1 h 3 min"),
    ],
)
def test_durations_are_in_two_units_at_most(seconds: float, words: str) -> None:
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (0, "just now"),
        (42, "42 s ago"),
        (200, "3 min ago"),
        (7300, "2 h ago"),
        (86400, "1 day ago"),
        (40 * 86400, "2026-01-20"),
        (-30, "just now"),
        (-3600, "2026-03-01 13:00 UTC"),
    ],
)
def test_times_are_told_from_now(before: int, words: str) -> None:
    assert text.ago((NOW - timedelta(seconds=before)).isoformat(), NOW) == words
    assert text.ago("some day", NOW) == "some day"


def test_wide_characters_take_two_columns() -> None:
    assert text.columns("数据") == 4
    assert text.ellipsis("数据科学", 6) == "数据…"
    assert text.pad("数", 3) == "数 "


def test_what_would_disturb_a_terminal_becomes_a_blank() -> None:
    assert text.one_line("a\x1b[31m\tb\nc") == "a [31m b c"
