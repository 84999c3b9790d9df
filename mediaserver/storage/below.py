"""Which rows lie in a folder, by their relative paths. The conditions use the index on the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def below(folder: str, *, is_deep: bool, column: str = "path") -> tuple[str, Mapping[str, Any]]:
    """The condition for paths in `folder` ("" is the root), with `is_deep` also in the folders below, and its
    parameters `folder_from` and `folder_to`.
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
        conditions.append(f"SUBSTR({column}, {len(folder) + 2 if folder else 1}) NOT LIKE '%/%'")
    return " AND ".join(conditions) or "1 = 1", params
