"""An LMDB environment that grows by itself and says in plain words what is wrong with it."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

import lmdb
import psutil

from gongfu.kernel.errors import Conflict, Unavailable
from gongfu.kernel.i18n import mark

LARGEST_MAP = 2**44
"""Beyond this a store refuses to grow."""
_MAX_READERS = 1024
_TABLES = 16
_SHARE = 0.8  # of the memory that is free or can be freed
_POPULATE_READ = 22  # MADV_POPULATE_READ, Linux 5.14

T = TypeVar("T")
Transaction: TypeAlias = "lmdb.Transaction[bytes]"
"""One whose look-ups give octets of their own."""


class Environment:
    """One directory with an LMDB environment. Safe to use from several threads; not across a fork."""

    def __init__(self, path: Path, map_size: int) -> None:
        """Opens or creates it; raises :class:`Unavailable`."""
        self.path = path
        self._use = _Use()
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.lmdb = lmdb.open(
                str(path), map_size=map_size, max_dbs=_TABLES, max_readers=_MAX_READERS, metasync=True, meminit=False
            )
            self._map_size: int = self.lmdb.info()["map_size"]
            self.lmdb.reader_check()  # slots of readers that were killed
        except (lmdb.Error, OSError) as error:
            raise unavailable(path, error) from error

    def close(self) -> None:
        """Releases files and address space."""
        self.lmdb.close()

    def read(self, work: Callable[[Transaction], T]) -> T:
        """``work`` in a read transaction; raises :class:`Unavailable`."""
        return self._run(work, write=False)

    @contextlib.contextmanager
    def reading(self, table: lmdb._Database) -> Iterator[Transaction]:
        """A read transaction with ``table`` as its default for as long as the block; raises :class:`Unavailable`."""
        while True:
            size = self._map_size
            with self._use:
                try:
                    txn: Transaction | None = self.lmdb.begin(table)
                except lmdb.MapResizedError:  # another process grew it
                    txn = None
                except lmdb.Error as error:
                    raise unavailable(self.path, error) from error
                if txn is not None:
                    try:
                        yield txn
                    except lmdb.Error as error:
                        raise unavailable(self.path, error) from error
                    finally:
                        txn.abort()
                    return
            self._resize(size, 0)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """``work`` in a durable transaction, run again when the map had to grow; raises :class:`Unavailable`."""
        return self._run(work, write=True)

    def snapshot(self, path: Path) -> None:
        """A compact copy in the new directory ``path``; raises :class:`Conflict`, :class:`Unavailable`."""
        if path.exists():
            raise Conflict(mark("{path} exists already."), remedy=mark("Choose a new directory."), path=path)
        partial = path.with_name(path.name + ".partial")
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True, mode=0o700)
            with self._use:
                self.lmdb.copy(str(partial), compact=True)
            partial.rename(path)
        except (lmdb.Error, OSError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise unavailable(path, error) from error

    def copy_to(self, descriptor: int) -> None:
        """Writes one moment of it, fixed before the first octet, as it lies on disk; raises :class:`Unavailable`."""
        try:
            with self._use:
                self.lmdb.copyfd(descriptor)
        except lmdb.Error as error:
            raise unavailable(self.path, error) from error

    def warm(self) -> bool:
        """Brings what is on disk into memory and this process's page table, if it fits; says whether it did.

        Without it the first look at each page costs a fault. Linux 5.14 can do it.
        """
        file = self.path / "data.mdb"
        size = file.stat().st_size
        if size > psutil.virtual_memory().available * _SHARE:
            return False
        with contextlib.suppress(OSError, ValueError):
            libc = ctypes.CDLL(None, use_errno=True)
            for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
                span, _, rest = line.partition(" ")
                if rest.endswith(str(file.resolve())):
                    begin, end = (int(number, 16) for number in span.split("-"))
                    length = ctypes.c_size_t(min(end - begin, size))
                    return bool(libc.madvise(ctypes.c_void_p(begin), length, _POPULATE_READ) == 0)
        return False

    def _run(self, work: Callable[[Transaction], T], *, write: bool) -> T:
        while True:
            size = self._map_size
            try:
                with self._use, self.lmdb.begin(write=write) as txn:
                    return work(txn)
            except lmdb.MapResizedError:  # another process grew it
                self._resize(size, 0)
            except lmdb.MapFullError as error:
                if size * 2 > LARGEST_MAP:
                    raise unavailable(self.path, error) from error
                self._resize(size, size * 2)
            except lmdb.Error as error:
                raise unavailable(self.path, error) from error

    def _resize(self, seen: int, size: int) -> None:
        with self._use.alone():
            if self._map_size == seen:  # else another thread did it meanwhile
                self.lmdb.set_mapsize(size)
                self._map_size = self.lmdb.info()["map_size"]


class _Use:
    """Transactions open in this process; LMDB may be remapped only while there is none."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._number = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._number += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._number -= 1
            if self._closed:
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Lets no transaction begin, waits until none is open, runs the block."""
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._closed = True
            while self._number:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()


def unavailable(path: Path, error: Exception) -> Unavailable:
    """What to say when LMDB or the disk refuses."""
    return Unavailable(
        mark("The identifier store in {path} cannot be used: {reason}."),
        remedy=mark("Check that the disk has room and that this user may write there; nothing was half-written."),
        path=path,
        reason=error,
    )
