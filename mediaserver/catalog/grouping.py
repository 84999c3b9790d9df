"""Which tracks form one album. Pure.

With an album artist, artist and title decide, wherever the files lie. Without one, the folder and the title decide
(a folder called `CD 2` counts as its parent): an album of one artist is shown as that artist's, any other as
Various Artists'. Without a title the folder is the album.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from mediaserver.core.text import identity_key
from mediaserver.core.units import LibraryId
from mediaserver.media.facts import TrackFacts

VARIOUS_ARTISTS = "Various Artists"
UNKNOWN_ALBUM = "Unknown album"
_DISC_FOLDER = re.compile(r"(?:cd|disc|disk|dvd|vinyl|lp)[ ._-]*\d{1,3}\b.*", re.I)


@dataclass(frozen=True, slots=True)
class AlbumIdentity:
    key: str
    title: str
    artists: tuple[str, ...]
    """() where the tracks decide."""
    credit: str
    """"" where the tracks decide."""
    is_compilation: bool


def album_folder(path: str) -> str:
    """The folder of an album's files: disc folders count as their parent; "" is the root."""
    return _without_disc(path.rpartition("/")[0])


@lru_cache(maxsize=256)  # files come folder by folder
def _without_disc(parent: str) -> str:
    folder = PurePosixPath(parent)
    if _DISC_FOLDER.fullmatch(folder.name) and folder.parent != folder:
        folder = folder.parent
    return "" if str(folder) == "." else str(folder)


def identify(library_id: LibraryId, path: str, facts: TrackFacts) -> AlbumIdentity:
    """The album of one track. Keys of the three kinds never meet: each begins with a letter of its own."""
    folder = album_folder(path)
    if not facts.album:
        title = PurePosixPath(folder).name or UNKNOWN_ALBUM
        return AlbumIdentity(f"U/{library_id}/{folder}", title, (), "", is_compilation=False)
    title_key = identity_key(facts.album)
    if facts.album_artists:
        credit = facts.album_artist_credit
        is_compilation = facts.is_compilation or identity_key(credit) == identity_key(VARIOUS_ARTISTS)
        return AlbumIdentity(
            f"A/{identity_key(credit)}/{title_key}", facts.album, facts.album_artists, credit, is_compilation
        )
    if facts.is_compilation:
        return AlbumIdentity(
            f"C/{library_id}/{folder}/{title_key}",
            facts.album,
            (VARIOUS_ARTISTS,),
            VARIOUS_ARTISTS,
            is_compilation=True,
        )
    return AlbumIdentity(f"F/{library_id}/{folder}/{title_key}", facts.album, (), "", is_compilation=False)
