"""Settings from files, the environment and options; every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaserver.core.settings import Settings, SettingsInvalid, load, nested


def written(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def faults(file: Path | None, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load(file, environment or {})
    return [str(fault) for fault in caught.value.faults]


def test_nothing_at_all_gives_the_defaults() -> None:
    assert load(None, {}) == Settings()


def test_options_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, '[server]\nport = 1001\nhost = "127.0.0.1"\nname = "File"\n')
    environment = {"MEDIASERVER_SERVER__PORT": "1002", "MEDIASERVER_SERVER__NAME": "Variable"}
    server = load(file, environment, {"--port": ("server.port", 1003)}).server
    assert (server.port, server.name, server.host) == (1003, "Variable", "127.0.0.1")


def test_variables_are_read_as_the_type_of_their_setting() -> None:
    settings = load(
        None,
        {
            "MEDIASERVER_LIBRARY__SCAN_AT_START": "off",
            "MEDIASERVER_LIBRARY__FOLDERS": "/srv/music, /srv/more",
            "MEDIASERVER_SERVER__TRUSTED_PROXIES": '["127.0.0.1", "10.0.0.0/8"]',
            "MEDIASERVER_SERVER__NAME": "4747",
            "MEDIASERVER_STREAMING__CACHE_SIZE_MB": "512",
        },
    )
    assert settings.library.scan_at_start is False
    assert settings.library.folders == ("/srv/music", "/srv/more")
    assert settings.server.trusted_proxies == ("127.0.0.1", "10.0.0.0/8")
    assert settings.server.name == "4747"
    assert settings.streaming.cache_size_mb == 512


def test_a_folder_with_a_comma_is_written_as_json() -> None:
    settings = load(None, {"MEDIASERVER_LIBRARY__FOLDERS": '["/srv/Crosby, Stills"]'})
    assert settings.library.folders == ("/srv/Crosby, Stills",)


def test_all_faults_are_told_at_once_with_source_key_and_what_was_expected(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '[server]\nport = "x"\nhots = "a"\n[libary]\n[log]\nlevel = "loud"\n[library]\nscan_at_start = 1\n',
    )
    told = faults(file, {"MEDIASERVER_STREAMING__CACHE_SIZE_MB": "5", "MEDIASERVER_SERVER__PRT": "1"})
    assert told == [
        f'{file}: server.port: expected a whole number from 0 to 65535, got "x"',
        f"{file}: server.hots: no such setting; did you mean host?",
        f"{file}: libary: no such section; did you mean library?",
        f'{file}: log.level: expected one of "debug", "info", "warning", "error", got "loud"',
        f"{file}: library.scan_at_start: expected true or false, got 1",
        "MEDIASERVER_SERVER__PRT: no such setting; did you mean MEDIASERVER_SERVER__PORT?",
        "MEDIASERVER_STREAMING__CACHE_SIZE_MB: streaming.cache_size_mb:"
        " expected a whole number from 64 to 10000000, got 5",
    ]


def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    (told,) = faults(written(tmp_path, "[server]\nport = \n"))
    assert "config.toml: is not TOML" in told
    assert "line 2" in told


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert faults(tmp_path / "none.toml") == [f"{tmp_path / 'none.toml'}: cannot be read: No such file or directory"]


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\x00", b"a" * 10, b"[server]\n[server]\n"])
def test_any_bytes_in_the_file_end_in_a_fault_and_no_crash(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(raw)
    assert len(faults(tmp_path / "config.toml")) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SERVER__HOST", "http://house"),
        ("SERVER__HOST", ""),
        ("SERVER__HOST", "two words"),
        ("SERVER__PORT", "65536"),
        ("SERVER__PORT", "4747.5"),
        ("SERVER__PORT", "9" * 5000),
        ("SERVER__NAME", ""),
        ("SERVER__TRUSTED_PROXIES", "10.0.0.0/33"),
        ("LIBRARY__FOLDERS", "Music"),
        ("LIBRARY__FOLDERS", "/srv/music,/srv/music/jazz"),
        ("LIBRARY__FOLDERS", "[1]"),
        ("LIBRARY__FOLDERS", "~nobody-of-this-name/Music"),
        ("LIBRARY__WORKER_PROCESSES", "-1"),
        ("DATABASE__URL", "mysql://a@b/c"),
        ("DATABASE__URL", "postgresql://host:port/name"),
        ("DATABASE__URL", "postgresql://host"),
        ("STREAMING__CACHE_DIR", "cache"),
        ("ACCOUNTS__SESSION_DAYS", "0"),
    ],
)
def test_impossible_values_are_refused(variable: str, value: str) -> None:
    (told,) = faults(None, {f"MEDIASERVER_{variable}": value})
    section, _, key = variable.lower().partition("__")
    assert told.startswith(f"MEDIASERVER_{variable}: {section}.{key}: expected ")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "127.0.0.1", "fe80::1", "localhost", "pi.house.example"])
def test_addresses_and_names_are_hosts(host: str) -> None:
    assert load(None, {"MEDIASERVER_SERVER__HOST": host}).server.host == host


@pytest.mark.parametrize("url", ["", "postgresql://u:p@host/music", "postgres:///music?host=/run/postgresql"])
def test_addresses_of_databases(url: str) -> None:
    assert load(None, {"MEDIASERVER_DATABASE__URL": url}).database.url == url


def test_a_password_in_the_database_address_is_never_told(tmp_path: Path) -> None:
    file = written(tmp_path, '[database]\nurl = ["postgresql://u:secret-word@host/music"]\n')
    told = faults(file, {"MEDIASERVER_DATABASE__URL": "postgrsql://u:secret-word@host/music"})
    assert len(told) == 2
    assert "secret-word" not in " ".join(told)


def test_variables_of_others_and_of_the_tests_are_left_alone() -> None:
    assert load(None, {"MEDIASERVERX": "1", "MEDIASERVER_TEST_DATABASE": "x", "PATH": "/bin"}) == Settings()


def test_a_folder_in_another_is_found_whatever_the_order() -> None:
    assert nested([Path("/a/b"), Path("/a")]) == nested([Path("/a"), Path("/a/b")])
    assert nested([Path("/a"), Path("/ab"), Path("/a")]) is None
