"""A library whose tags are what the worst of people, and the world's scripts, put into tags."""

from __future__ import annotations

from pathlib import Path

from tests.browser import music

MARKUP = '<img src=x onerror="window.hacked=1">'
SCRIPT = "</title><script>window.hacked=1</script>"
ARABIC = "أغاني من البحر والجبل وحكايات الليل الطويل في المدينة القديمة التي لا تنام أبدا"
HEBREW = "שירים מן הים"
BIDI = "\u202egnirts desrever\u2066 \u2067open to the end"
WITHOUT_TURNS = "gnirts desrever open to the end"  # marks that turn the rest of a line round are taken out
ZALGO = "".join(letter + "".join(map(chr, range(0x300, 0x31E))) for letter in "Zalgo")
ENDLESS = "Rhabarberbarbara" * 700
WORDS = "And so it went on and on until nobody remembered how it had begun " * 12
LINES = "One\nTwo\r\nThree\x00\x1b[31m\u2028Four"
LONG_GENRE = "Alternative Singer/Songwriter & Americana/Folk-Rock"
RIGHT_TO_LEFT_FOLDER = "موسيقى/ألبوم"

ALBUMS = (
    # artist, album, genre, titles
    (MARKUP, SCRIPT, MARKUP, (MARKUP, "javascript:alert(1)", "{{7*7}} ${7*7} %s %n")),
    ("فيروز الصغيرة", ARABIC, "موسيقى", ("الأغنية الأولى", "Part 2 من الحكاية", HEBREW)),
    (BIDI, BIDI, "Singer/Songwriter", (BIDI, "After it")),
    (ZALGO, ZALGO, ZALGO, (ZALGO, "Quiet")),
    (ENDLESS, ENDLESS, ENDLESS, (ENDLESS, WORDS)),
    (LINES, WORDS, LONG_GENRE, (LINES, "\u200b\u200d\ufeff", "🎵👩‍👩‍👧‍👦")),
    ("'\"; DROP TABLE albums; --", "' OR 1=1 --", "AC/DC", ("a'b\"c`d\\", "../../../etc/passwd")),
)  # fmt: skip


def make(root: Path) -> None:
    """Seven albums of short tracks, one of them with a picture, and broken files in folders of both directions."""
    sound = music.tone(0, 2 * music.RATE_HZ, 440.0)
    for number, (artist, album, genre, titles) in enumerate(ALBUMS, 1):
        for track, title in enumerate(titles, 1):
            path = root / f"album {number}" / f"{track:02}.flac"
            music.write(path, sound, "flac")
            music.tag(path, title=title, artist=artist, album=album, genre=genre, tracknumber=str(track), date="1999")
    music.cover(root / "album 2" / "cover.jpg", (28, 52, 96), (214, 120, 92), 7)
    folder = root / RIGHT_TO_LEFT_FOLDER
    folder.mkdir(parents=True)
    (folder / "01 مقطوعة.flac").write_bytes(b"")
    (root / "<b onclick=x>&amp;.mp3").write_bytes(b"")
    (root / ("n" * 240 + ".ogg")).write_bytes(b"")
    for number, bps in enumerate((128_000, 126_000), 1):
        path = root / "steady" / f"{number}.m4a"
        music.write(path, sound, "aac", bps)
        music.tag(path, title=f"Steady {number}", artist="Steady", album="Steady", tracknumber=str(number))
    path = root / "half" / "1.flac"
    music.write(path, music.tone(0, 22_050, 440.0), "flac", rate_hz=22_050)
    music.tag(path, title="Half the rate", artist="Half", album="Half the rate", tracknumber="1")
