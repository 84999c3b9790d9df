"""The page's pure modules, asked in the browser: arithmetic of joins, choice of quality, order of the queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Open

pytestmark = pytest.mark.browser

Ask = Callable[[str, str], Any]


@pytest.fixture
def ask(opened: Open) -> Ask:
    """`ask("player/abr.js", "new m.Estimator().bps")`: evaluates with `m` as that module of the page."""
    page = opened("/settings").page
    base = page.evaluate("document.querySelector('script[type=module]').src.replace(/main\\.js$/, '')")

    def evaluate(module: str, body: str) -> Any:
        return page.evaluate(f"async () => {{ const m = await import('{base}{module}'); {body} }}")

    return evaluate


def test_the_line_is_judged_by_its_worse_mean(ask: Ask) -> None:
    body = """const e = new m.Estimator(); const none = e.bps;
      for (let n = 0; n < 10; n += 1) e.add(125000, 1);
      const steady = e.bps; e.add(12500, 1); const dropped = e.bps;
      for (let n = 0; n < 3; n += 1) e.add(1250000, 1);
      return [none, steady, dropped, e.bps];"""
    none, steady, dropped, risen = ask("player/abr.js", body)
    assert none is None
    assert steady == pytest.approx(1_000_000)
    assert dropped < 750_000, "a drop is seen at once"
    assert risen < 5_000_000, "a rise is believed slowly"


@pytest.mark.parametrize(
    ("current", "bps", "buffered_s", "chosen"),
    [
        ("null", "null", 0, 0),
        ("null", 5_000_000, 0, 2),
        ("null", 300_000, 0, 0),
        (0, 200_000, 4, 0),
        (0, 200_000, 8, 1),
        (0, 5_000_000, 2, 2),
        (2, 200_000, 30, 2),
        (2, 200_000, 9, 1),
        (2, 60_000, 9, 0),
        (1, 150_000, 1, 1),
    ],
)
def test_the_quality_follows_the_line_and_what_is_in_hand(
    ask: Ask, current: object, bps: object, buffered_s: int, chosen: int
) -> None:
    body = f"""const rungs = [{{bps: 70000}}, {{bps: 130000}}, {{bps: 300000}}];
      return m.chooseRung(rungs, {current}, {{bps: {bps}, bufferedS: {buffered_s}}});"""
    assert ask("player/abr.js", body) == chosen


def test_joins_lie_on_whole_microseconds_and_never_before_the_last_sample(ask: Ask) -> None:
    body = """let place = new m.Place(); const out = []; let samples = 0;
      for (let n = 0; n < 400; n += 1) {
        const more = 100003 + 7 * n; samples += more; place = place.after(more, 44100);
        out.push([samples, place.seconds]);
      }
      const mixed = new m.Place().after(44100, 44100).after(96000, 96000).after(11025, 44100);
      return [out, mixed.seconds];"""
    joins, mixed = ask("player/slots.js", body)
    for samples, seconds in joins:
        exact_us = samples * 1_000_000 / 44_100
        assert round(seconds * 1_000_000) == -(-samples * 1_000_000 // 44_100)
        assert 0 <= seconds * 1_000_000 - exact_us < 1.001
    assert mixed == 2.25


def test_playlists_are_read_to_the_sample(ask: Ask) -> None:
    body = """const media = m.parseMedia('#EXTM3U\\n#EXT-X-MAP:URI="init.mp4"\\n#EXTINF:3.970612,\\n0.m4s\\n'
        + '#EXTINF:1.779388,\\n1.m4s\\n#EXT-X-ENDLIST\\n', 'http://h/e/T/D/aac.10.x/media.m3u8');
      const main = '#EXTM3U\\n#EXT-X-STREAM-INF:BANDWIDTH=160000,AVERAGE-BANDWIDTH=130000,CODECS="mp4a.40.2"\\n'
        + '../aac.20.b/media.m3u8\\n#EXT-X-STREAM-INF:BANDWIDTH=80000,CODECS="mp4a.40.2"\\n../aac.10.a/media.m3u8\\n';
      return [media, m.sampleStarts(media.durationsS, 44100), m.parseMultivariant(main, 'http://h/e/T/D/aac.00.y/main.m3u8')];"""
    media, starts, rungs = ask("player/playlist.js", body)
    assert media["init"] == "http://h/e/T/D/aac.10.x/init-mse.mp4"
    assert media["urls"] == ["http://h/e/T/D/aac.10.x/0.m4s", "http://h/e/T/D/aac.10.x/1.m4s"]
    assert starts == [0, 175_104, 253_575]
    assert [(rung["rank"], rung["bps"]) for rung in rungs] == [(10, 80_000), (20, 130_000)]
    assert rungs[1]["url"] == "http://h/e/T/D/aac.20.b/media.m3u8"


def test_the_queue_keeps_its_order_through_shuffle_repeat_and_reload(ask: Ask) -> None:
    body = """const kept = new Map();
      const storage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v) };
      const q = new m.Queue(storage, 'q', () => 0.3);
      const tracks = [1, 2, 3, 4, 5].map((id) => ({ id, title: String(id) }));
      const ids = (queue) => queue.entries.map((entry) => entry.track.id);
      q.replace(tracks, 1); const plain = ids(q);
      q.setShuffled(true); const mixed = ids(q); q.setShuffled(false); const back = ids(q);
      q.addNext([{ id: 9 }]); const added = ids(q);
      const again = new m.Queue(storage, 'q');
      q.enter(q.entries.at(-1)); const end = q.follow(q.current);
      q.setRepeat('all'); const round = q.follow(q.current).track.id;
      q.setRepeat('one'); const same = q.follow(q.current).track.id;
      q.setRepeat('all'); q.entries[0].failed = true; const passed = q.follow(q.current).track.id;
      return { plain, mixed, back, added, again: [ids(again), again.at], end, round, same, passed };"""
    found = ask("player/queue.js", body)
    assert found["plain"] == [1, 2, 3, 4, 5]
    assert found["mixed"][:2] == [1, 2]
    assert sorted(found["mixed"]) == [1, 2, 3, 4, 5]
    assert found["mixed"] != found["plain"]
    assert found["back"] == [1, 2, 3, 4, 5]
    assert found["added"] == [1, 2, 9, 3, 4, 5]
    assert found["again"] == [[1, 2, 9, 3, 4, 5], 1]
    assert (found["end"], found["round"], found["same"], found["passed"]) == (None, 1, 5, 2)


def test_a_damaged_storage_costs_the_queue_and_nothing_else(ask: Ask) -> None:
    body = """const of = (text) => new m.Queue({ getItem: () => text, setItem() {} }, 'q').entries.length;
      return ['{', '[]', '{"entries": 3}', 'null', '{"entries": [{"place": 1, "track": {}}], "at": 9}'].map(of);"""
    assert ask("player/queue.js", body) == [0, 0, 0, 0, 1]
