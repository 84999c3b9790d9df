"""Which rows lie in a folder, by their relative paths. The conditions use the index on the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def below(folder: str, *, is_deep: bool, column: str = "path", is_within: str = "") -> tuple[str, Mapping[str, Any]]:
    """The condition for paths in `folder` ("" is the root), with `is_deep` also in the folders below, and its
    parameters `folder_from` and `folder_to`.

    Where the condition `is_within` holds, the path is of something in a file, and the file counts.
    """
    conditions: list[str] = []
    params: dict[str, Any] = {}
    if folder:
        conditions.append(f"{column} >= :folder_from AND {column} < :folder_to")
        params |= {
            "folder_from": f"{folder}/",
            "folder_to": f"{folder}0",
        }  # 0 is what follows / in every collation here
    if not is_deep:
        # The rest of the path, counted in characters from 1.
        rest = f"SUBSTR({column}, {len(folder) + 2 if folder else 1})"
        inside = f" OR ({is_within} AND {rest} NOT LIKE '%/%/%')" if is_within else ""
        conditions.append(f"({rest} NOT LIKE '%/%'{inside})")
    return " AND ".join(conditions) or "1 = 1", params
