"""The last configuration that was valid, so that a cold start beside a broken one still has rules (law 11)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from .table import Item, Table, pack, part_key, put_action, split, stored, unpack

PARTITION, HEAD = "config", "last-good"


class DynamoSnapshots:
    """The `config` partition."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @stored
    def load_digest(self) -> str:
        """Return what was last found valid, by its digest; empty where nothing was."""
        item = self._table.get(PARTITION, HEAD)
        return str(item["digest"]) if item else ""

    @stored
    def load_files(self) -> Mapping[str, bytes] | None:
        items = {item["sk"]: item for item in self._table.query(PARTITION, prefix=HEAD)}
        if HEAD not in items:
            return None
        data = b"".join(items[part_key(HEAD, number)]["data"] for number in range(items[HEAD]["parts"]))
        files = json.loads(unpack(data))
        return {name: base64.b64decode(text) for name, text in files.items()}

    def save_files(self, files: Mapping[str, bytes], digest: str) -> None:
        text = json.dumps({name: base64.b64encode(content).decode() for name, content in sorted(files.items())})
        parts = split(pack(text))
        items: list[Item] = [
            {"pk": PARTITION, "sk": part_key(HEAD, number), "data": part} for number, part in enumerate(parts)
        ]
        items[0] |= {"parts": len(parts), "digest": digest}
        self._table.transact([put_action(item) for item in items])
