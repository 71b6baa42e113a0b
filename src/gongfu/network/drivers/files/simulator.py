"""A program that drops files: whole ones, growing ones, rotated ones."""

from __future__ import annotations

from pathlib import Path


class FileSimulator:
    """Writes into ``folder``, as an instrument or a logger would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def drop(self, name: str, text: str | bytes, encoding: str = "utf-8", marker: str = "") -> Path:
        """A whole file, put under its name in one step; then its marker, if there is one."""
        path = self.folder / name
        hidden = self.folder / f".{name}.part"
        hidden.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        hidden.rename(path)
        if marker:
            (self.folder / (name + marker)).touch()
        return path

    def append(self, name: str, text: str, encoding: str = "utf-8") -> None:
        """More at the end of a file."""
        with (self.folder / name).open("ab") as file:
            file.write(text.encode(encoding))

    def rotate(self, name: str) -> None:
        """``name.1`` becomes ``name.2`` and so on, ``name`` becomes ``name.1``, as logrotate does."""
        number = 1
        while (self.folder / f"{name}.{number}").exists():
            number += 1
        for last in range(number, 1, -1):
            (self.folder / f"{name}.{last - 1}").rename(self.folder / f"{name}.{last}")
        (self.folder / name).rename(self.folder / f"{name}.1")
