"""The log on disk: JSON lines without secrets, of limited size, and never in the way."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest

from mediaserver.core import logfile, logs
from mediaserver.core.logfile import AGAIN_AFTER_S, NAME, OLDER_FILES, LogFile

pytestmark = pytest.mark.usefixtures("logging_as_before")

SECRET = "s3cr3t-Zz_" + "x" * 33


def read(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in logfile.lines(folder) for line in path.read_text().splitlines()]


def record(message: str, *args: object, level: int = logging.INFO, **fields: object) -> logging.LogRecord:
    return logging.getLogger("music").makeRecord("music", level, __file__, 1, message, args, None, extra=fields)


def test_a_line_holds_time_level_logger_message_and_fields(tmp_path: Path) -> None:
    handler = LogFile(tmp_path / "logs")
    assert not (tmp_path / "logs").exists()
    handler.emit(record("scanned %d files in %s", 3, "Müllers\nMusik \udcff", files=3, folder="Hymns"))
    handler.close()
    (line,) = read(tmp_path / "logs")
    assert line["time"].endswith("Z") and len(line["time"]) == len("2026-11-26T00:00:00.000Z")
    assert (line["level"], line["logger"]) == ("info", "music")
    assert line["message"].startswith("scanned 3 files in Müllers\nMusik ")
    assert line["fields"] == {"files": 3, "folder": "Hymns"}
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "logs" / NAME).stat().st_mode) == 0o600


def test_no_secret_reaches_it_by_message_field_or_traceback(tmp_path: Path) -> None:
    with logs.kept_in(tmp_path):
        log = logging.getLogger("music")
        log.error("got %s", f"mediaserver_session={SECRET}")
        log.error("fields", extra={"password": SECRET, "asked": f"/setup?link={SECRET}", "session_token": [SECRET]})
        try:
            raise ValueError(f"Cookie: mediaserver_session={SECRET}")
        except ValueError:
            log.exception("failed")
    text = (tmp_path / NAME).read_text()
    assert len(read(tmp_path)) == 3
    assert "ValueError" in text
    assert "s3cr3t" not in text


def test_it_is_rotated_and_never_larger_than_it_may(tmp_path: Path) -> None:
    handler = LogFile(tmp_path, largest_bytes=4000)
    for n in range(1000):
        handler.emit(record("line %d", n))
    handler.close()
    files = list(tmp_path.iterdir())
    assert len(files) == OLDER_FILES + 1
    assert all(file.stat().st_size <= 4000 for file in files)
    numbers = [int(line["message"].split()[1]) for line in read(tmp_path)]
    assert numbers == list(range(numbers[0], 1000))


def test_a_full_disk_costs_lines_and_tells_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now_s = [0.0]
    handler = LogFile(tmp_path, now_s=lambda: now_s[0])
    (tmp_path / NAME).symlink_to("/dev/full")
    for n in range(50):
        handler.emit(record("line %d", n))
    assert capsys.readouterr().err == f"mediaserver: the log in {tmp_path} cannot be written: No space left on device\n"
    now_s[0] += AGAIN_AFTER_S
    handler.emit(record("still full"))
    (tmp_path / NAME).unlink()
    handler.emit(record("too soon"))
    now_s[0] += AGAIN_AFTER_S
    handler.emit(record("there is room"))
    handler.close()
    told = [line["message"] for line in read(tmp_path)]
    assert told == ["52 lines are missing before this one: the log could not be written", "there is room"]
    assert capsys.readouterr().err == ""


def test_a_line_that_was_cut_by_a_power_cut_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"time": "2026')
    handler = LogFile(tmp_path)
    handler.emit(record("after it"))
    handler.close()
    assert json.loads((tmp_path / NAME).read_text().splitlines()[1])["message"] == "after it"


def test_what_ends_the_server_stands_in_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no port"), logs.kept_in(tmp_path):
        raise OSError("no port")
    assert [line["message"] for line in read(tmp_path)] == ["ended: no port"]
    assert logging.getLogger().handlers == [one for one in logging.getLogger().handlers if type(one) is not LogFile]
