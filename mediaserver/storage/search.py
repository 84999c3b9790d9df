"""Full-text search: FTS5 on SQLite, tsvector on PostgreSQL. One table for each kind of thing that is found.

Words are folded in Python (`core.text.search_words`), so both engines see the same words and no locale matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mediaserver.core.text import search_words
from mediaserver.storage.database import Reader, Transaction

Kind = Literal["artist", "album", "track"]
KINDS: tuple[Kind, ...] = ("artist", "album", "track")
_LAST_POSITION = 16_383  # of a tsvector
_WORDS_IN_QUERY = 12


async def create(tx: Transaction) -> None:
    """Make the empty tables; part of the first migration."""
    for kind in KINDS:
        if tx.dialect == "sqlite":
            await tx.run(
                f"CREATE VIRTUAL TABLE search_{kind} USING fts5(main, extra, prefix='1 2 3',"
                " tokenize='unicode61 remove_diacritics 0')"
            )
        else:
            await tx.run(f"CREATE TABLE search_{kind} (id BIGINT PRIMARY KEY, document TSVECTOR NOT NULL)")
            await tx.run(f"CREATE INDEX search_{kind}_document ON search_{kind} USING gin (document)")


async def put(tx: Transaction, kind: Kind, rows: Sequence[tuple[int, str, str]], *, all_new: bool = False) -> None:
    """Enter or replace (id, main text, further text); a hit in the main text weighs more.

    `all_new` promises that none of them stands there yet.
    """
    if tx.dialect == "sqlite":
        if not all_new:
            await tx.many(f"DELETE FROM search_{kind} WHERE rowid = :id", [{"id": row[0]} for row in rows])
        await tx.many(
            f"INSERT INTO search_{kind} (rowid, main, extra) VALUES (:id, :main, :extra)",
            [{"id": i, "main": " ".join(search_words(m)), "extra": " ".join(search_words(e))} for i, m, e in rows],
        )
    else:
        await tx.many(
            f"INSERT INTO search_{kind} (id, document) VALUES (:id, CAST(CAST(:document AS TEXT) AS TSVECTOR))"
            " ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            [{"id": i, "document": _document(main, extra)} for i, main, extra in rows],
        )


async def drop(tx: Transaction, kind: Kind, ids: Sequence[int]) -> None:
    """Let these be found no more; unknown ids are no error."""
    key = "rowid" if tx.dialect == "sqlite" else "id"
    await tx.many(f"DELETE FROM search_{kind} WHERE {key} = :id", [{"id": i} for i in ids])


async def find(reader: Reader, kind: Kind, query: str, *, limit: int, offset: int = 0) -> list[int]:
    """Ids, best first, of what contains every word of `query` or words that begin with them; [] for no words."""
    words = search_words(query)[:_WORDS_IN_QUERY]
    if not words:
        return []
    if reader.dialect == "sqlite":
        sql = (
            f"SELECT rowid AS id FROM search_{kind} WHERE search_{kind} MATCH :query"
            f" ORDER BY bm25(search_{kind}, 10.0, 1.0), rowid LIMIT :limit OFFSET :offset"
        )
        text = " AND ".join(f'"{word}"*' for word in words)
    else:
        sql = (
            f"SELECT id FROM search_{kind}, CAST(CAST(:query AS TEXT) AS TSQUERY) AS query WHERE document @@ query"
            " ORDER BY ts_rank(document, query, 1) DESC, id LIMIT :limit OFFSET :offset"
        )
        text = " & ".join(f"'{word}':*" for word in words)
    rows = await reader.all(sql, {"query": text, "limit": limit, "offset": offset})
    return [row["id"] for row in rows]


def _document(main: str, extra: str) -> str:
    """A tsvector literal; words hold letters and digits only, so that quoting them is enough."""
    words = [(word, "A") for word in search_words(main)] + [(word, "D") for word in search_words(extra)]
    return " ".join(f"'{word}':{min(n, _LAST_POSITION)}{weight}" for n, (word, weight) in enumerate(words, 1))
