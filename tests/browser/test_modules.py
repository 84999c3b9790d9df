"""The page's pure modules, asked in the browser: arithmetic of joins, choice of quality, order of the queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mediaserver.streaming import levelling
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
    body = """const media = m.parseMedia('#EXTM3U\\n#EXT-X-MAP:URI="init.mp4"\\n#EXTINF:3.993832,\\n0.m4s\\n'
        + '#EXTINF:1.779388,\\n1.m4s\\n#EXT-X-ENDLIST\\n', 'http://h/e/T/D/aac.10.x/media.m3u8');
      const main = '#EXTM3U\\n#EXT-X-STREAM-INF:BANDWIDTH=160000,AVERAGE-BANDWIDTH=130000,CODECS="mp4a.40.2"\\n'
        + '../aac.20.b/media.m3u8\\n#EXT-X-STREAM-INF:BANDWIDTH=80000,CODECS="mp4a.40.2"\\n../aac.10.a/media.m3u8\\n';
      return [media, m.sampleStarts(media.durationsS, 44100, 1024), m.parseMultivariant(main, 'http://h/e/T/D/aac.00.y/main.m3u8')];"""
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


def test_smart_is_by_album_while_one_plays_in_order(ask: Ask) -> None:
    # (before, the one that is asked about, after), each (album, disc, track); 0 where there is no number.
    cases = [
        ((None, (1, 1, 1), (1, 1, 2)), "album"),
        (((1, 1, 1), (1, 1, 2), None), "album"),
        (((1, 1, 9), (1, 2, 1), None), "album"),
        (((1, 1, 9), (1, 2, 10), None), "album"),
        (((2, 1, 1), (1, 1, 2), (2, 1, 3)), "track"),
        (((1, 1, 5), (1, 1, 2), (1, 1, 9)), "track"),
        (((1, 1, 2), (1, 1, 1), None), "track"),
        (((1, 1, 0), (1, 1, 0), None), "album"),
        ((None, (1, 1, 1), None), "track"),
        (((None, 1, 1), (None, 1, 2), None), "track"),
    ]
    body = f"""const of = (found, place) => found && {{ place, track: {{ album: found[0] && {{ id: found[0] }},
        disc: found[1], track: found[2] }} }};
      return {json.dumps([entries for entries, _ in cases])}.map((all) => all.map(of)).map(([before, entry, after]) =>
        ["smart", "track", "album", "off"].map((one) => m.wayOf(one, entry, before, after)));"""
    assert ask("player/levelling.js", body) == [[way, "track", "album", None] for _, way in cases]


def test_the_page_turns_up_and_down_as_the_server_does(ask: Ask) -> None:
    sounds = [
        (-9.44, -0.31),
        (-9.44, 1.2),
        (-30.06, -12.0),
        (-30.06, -3.33),
        (-30.0, None),
        (-60.0, -50.0),
        (20.0, 25.0),
    ]
    cases = [(lufs, peak_db, preamp_db) for lufs, peak_db in sounds for preamp_db in (-12, 0, 3, 12)]
    body = f"""return {json.dumps(cases)}.map(([lufs, peak, preampDb]) => ["track", "album"].map((way) => m.gainOf(
      {{ target_lufs: -18, track: {{ integrated_lufs: lufs, true_peak_dbtp: peak }}, album: null }},
      way, preampDb)));"""
    for (lufs, peak_db, preamp_db), found in zip(cases, ask("player/levelling.js", body), strict=True):
        wanted_db = pytest.approx(levelling.gain_db(lufs, peak_db, -18.0 + preamp_db))
        assert found == [{"db": wanted_db, "way": "track", "isKnown": True}] * 2, (lufs, peak_db, preamp_db)


def test_what_is_not_measured_plays_as_it_is_and_is_not_turned_up(ask: Ask) -> None:
    body = """const one = { integrated_lufs: null, true_peak_dbtp: null };
      return [[null, "track", 6], [{ target_lufs: -18, track: one, album: null }, "album", -6], [null, null, -6]]
        .map((all) => m.gainOf(...all).db);"""
    assert ask("player/levelling.js", body) == [0, -6, 0]


SLOT = """const rendition = (ends, rateHz) => ({ urls: ends.map(String), starts: [0, ...ends], rateHz, priming: 0 });
  const ends = [4, 8, 12, 14].map((s) => s * 96000 + (s === 14));
  const flac = { family: 'flac', rungs: [], rendition: rendition(ends, 96000) };
  const aac = { family: 'aac', rungs: [], rendition: rendition([3.5, 7, 10.5, 14].map((s) => s * 48000), 48000) };
  const of = ({ family, rungs, rendition: one }) => new m.Slot({}, null, family, rungs, one, new m.Place());
  const told = (slot) => [slot.next, slot.from, slot.count, slot.endS];
"""


def test_another_quality_begins_where_what_is_there_ends_or_soon_after_now(ask: Ask) -> None:
    body = """const of2 = (next) => { const slot = of(flac); slot.next = next; return slot; };
      return [of2(4).changeAt(3, 14), of2(2).changeAt(3, 8), of2(2).changeAt(6, 8), of2(1).changeAt(2, 5.5),
        of2(1).changeAt(2, 0), of2(4).changeAt(13, 14), of2(3).changeAt(13, 12)];"""
    assert ask("player/slots.js", SLOT + body) == [4, 4, 8, 5.5, 4, None, 12]


def test_a_track_goes_on_in_another_family_at_the_same_time_and_ends_where_that_one_ends(ask: Ask) -> None:
    body = """const slot = of(flac); slot.next = 4; const before = told(slot);
      slot.change(aac, 4); const other = told(slot); const end = slot.end;
      slot.next = 3; slot.change(aac, 10.5); const same = told(slot);
      slot.change(aac, 3.5); const earlier = told(slot);
      slot.cutAt(2); const cut = told(slot); slot.change(flac, 6); const whole = told(slot);
      slot.restart(1); const anew = told(slot);
      return { before, other, end: [end.samples, end.rateHz], same, earlier, cut, whole, anew };"""
    found = ask("player/slots.js", SLOT + body)
    odd_end_s = 14.000011
    assert found["before"] == [4, None, 4, odd_end_s]
    assert found["other"] == [1, 4, 4, 14], "the segment around the cut, heard from the cut on"
    assert found["end"] == [14 * 48_000, 48_000], "what follows begins where this family ends, to the sample"
    assert found["same"] == [3, 4, 4, 14], "one family has one grid: nothing is written over the cut before"
    assert found["earlier"] == [1, 3.5, 4, 14], "no hole is left before the old cut"
    assert found["cut"][2:] == [2, 7]
    assert found["whole"] == [1, 6, 4, odd_end_s], "a rest that was damaged may be whole in another family"
    assert found["anew"] == [0, None, 4, odd_end_s]


def test_the_timeline_knows_what_follows_and_what_is_wrong(ask: Ask) -> None:
    body = """const t = new m.Timeline();
      const slots = [0, 10, 20].map((startS, n) => ({ entry: n, startS, endS: startS + 10, isFull: n < 1 }));
      const empty = [t.last, t.at(3), t.unfinished, t.lastRight(() => null)];
      slots.forEach((slot) => t.push(slot)); t.current = slots[1];
      const found = [t.at(9.9), t.at(25), t.after(slots[1]), t.unfinished, t.lastRight((entry) => entry + 1),
        t.lastRight((entry) => (entry === 1 ? 7 : entry + 1))].map((slot) => slot.entry);
      t.forgetBefore(15); const kept = t.slots.length; const cut = t.cutAfter(slots[1]).length;
      return { empty, found, kept, cut, last: t.last.entry };"""
    found = ask("player/timeline.js", body)
    assert found["empty"] == [None, None, None, None]
    assert found["found"] == [0, 2, 2, 1, 2, 1]
    assert (found["kept"], found["cut"], found["last"]) == (2, 1, 1)


STORAGE = """const kept = new Map(); const writes = []; let most = Infinity;
  const storage = { getItem: (k) => kept.get(k) ?? null, removeItem: (k) => kept.delete(k), setItem(k, v) {
    if (v.length > most) throw new DOMException('full', 'QuotaExceededError');
    writes.push([k, v.length]); kept.set(k, v); } };
  const track = (id) => ({ id, title: 'A title of some length', artists: [] });
  const tracks = (count) => Array.from({ length: count }, (_, id) => track(id));
  const ids = (queue) => queue.entries.map((entry) => entry.track.id);
"""


def test_a_place_is_written_without_the_queue(ask: Ask) -> None:
    body = """const q = new m.Queue(storage, 'q'); q.replace(tracks(1000)); writes.length = 0;
      q.keepPosition(12.5); q.enter(q.entries[3]); q.keepPosition(4.5);
      const again = new m.Queue(storage, 'q');
      return { writes, again: [again.at, again.positionS, again.entries.length] };"""
    found = ask("player/queue.js", STORAGE + body)
    assert [name for name, _ in found["writes"]] == ["q.place"] * 3
    assert max(length for _, length in found["writes"]) < 100
    assert found["again"] == [3, 4.5, 1000]


def test_a_long_queue_is_remembered_around_its_place(ask: Ask) -> None:
    body = """const q = new m.Queue(storage, 'q'); q.replace(tracks(7000));
      const length = q.entries.length; q.enter(q.entries[4900]);
      const again = new m.Queue(storage, 'q');
      const longest = Math.max(...writes.map(([, n]) => n));
      return { length, longest, current: again.current.track.id, ids: ids(again) };"""
    found = ask("player/queue.js", STORAGE + body)
    assert found["length"] == 5000
    assert found["longest"] < 1_001_000
    assert found["current"] == 4900, "the part that is stored goes along with the place"
    assert found["ids"] == list(range(found["ids"][0], 5000))
    assert len(found["ids"]) > 1000


def test_a_full_storage_keeps_less_and_a_forbidden_one_nothing(ask: Ask) -> None:
    body = """most = 100000; const q = new m.Queue(storage, 'q'); q.replace(tracks(2000), 700);
      const part = new m.Queue(storage, 'q'); const found = [part.current.track.id, part.entries.length];
      most = 10; q.replace(tracks(50)); q.keepPosition(3); q.enter(q.entries[1]);
      const none = new m.Queue(storage, 'q').entries.length;
      const forbidden = () => { throw new DOMException('no', 'SecurityError'); };
      const barred = [null, { getItem: forbidden, setItem: forbidden, removeItem: forbidden }].map((one) => {
        const queue = new m.Queue(one, 'q'); queue.replace(tracks(3), 1); queue.keepPosition(3);
        return [queue.at, ...ids(queue)]; });
      return { found, none, playing: [q.at, q.entries.length], barred };"""
    found = ask("player/queue.js", STORAGE + body)
    assert found["found"][0] == 700
    assert 100 < found["found"][1] < 2000
    assert found["none"] == 0, "an old queue does not come back in place of the present one"
    assert found["playing"] == [1, 50]
    assert found["barred"] == [[1, 0, 1, 2]] * 2


def test_a_list_that_is_still_coming_is_mixed_in_and_never_into_another_queue(ask: Ask) -> None:
    body = """const q = new m.Queue(null, 'q', () => 0.4);
      const batch = q.replace([1, 2, 3].map((id) => ({ id })), 0, { shuffle: true });
      const next = q.entries[1].track.id;
      const more = q.extend(batch, [4, 5, 6].map((id) => ({ id }))); const mixed = ids(q);
      q.replace([{ id: 9 }]); const late = q.extend(batch, [{ id: 7 }]); const other = ids(q);
      const third = q.replace([{ id: 1 }, { id: 2 }], 0, { shuffle: false }); q.clearUpcoming();
      return { next, more, mixed, late, other, cleared: q.extend(third, [{ id: 3 }]) };"""
    found = ask("player/queue.js", STORAGE + body)
    assert found["more"] is True
    assert found["mixed"][:2] == [1, found["next"]], "what comes next is appended already: it stays"
    assert sorted(found["mixed"]) == [1, 2, 3, 4, 5, 6]
    assert found["mixed"][2:] != sorted(found["mixed"][2:])
    assert (found["late"], found["other"], found["cleared"]) == (False, [9], False)
