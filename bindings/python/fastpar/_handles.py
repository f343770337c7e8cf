"""Handles of the library, each freed once, after the last call that uses it; and objects that cannot be copied."""

import ctypes
from collections.abc import Callable
from typing import ClassVar, NoReturn, SupportsIndex

from ._library import lib

_untrack = ctypes.pythonapi.PyObject_GC_UnTrack
_untrack.argtypes, _untrack.restype = (ctypes.py_object,), None

#: By the address of a handle: how it is freed, and objects that the library looks at until then.
_kept: dict[int, tuple[Callable[[int], object], object]] = {}


class Uncopied:
    """A base of objects that stand for memory of this process: neither pickled nor copied."""

    __slots__ = ()

    #: What to do instead.
    _instead: ClassVar[str] = "share the object itself"

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"cannot pickle or copy {name!r} objects: their memory belongs to this process; {self._instead}")


class _Owned(Uncopied, int):
    """The address of a handle, which is freed when this goes.

    The garbage collector does not track it: unlike those of other objects, its finalizer cannot run before the finalizers of
    objects in the same cycle, which may still use the handle. And unlike the destructor of a capsule, a finalizer may run Python's
    code while an exception is on its way.
    """

    __slots__ = ()

    def __init__(self, address: int) -> None:
        _untrack(self)

    # With what it needs: handles may go after this module has, at the end of the interpreter.
    def __del__(self, take: Callable[[int], tuple[Callable[[int], object], object]] = _kept.pop) -> None:
        address = int(self)
        # Taken out first: as soon as the address is free, another handle may have it.
        free, kept = take(address)
        free(address)
        del kept


class Handle(Uncopied):
    """A pointer to an object of the library, which is freed when the last reference to the handle goes.

    Owners hold the handle in an attribute, and close by dropping it: a call under way in another thread has a reference among
    its arguments.
    """

    __slots__ = ("_as_parameter_",)

    #: Frees this kind of handle.
    free: ClassVar[Callable[[int], object]]

    def __init__(self, address: int, kept: object = None, free: Callable[[int], object] | None = None) -> None:
        """`kept` lives until the handle is freed, by `free` if that is given; neither must refer to the owner, which would never be
        collected then."""
        _kept[address] = (free or type(self).free, kept)
        #: What ctypes passes for this object.
        self._as_parameter_ = _Owned(address)

    @property
    def address(self) -> int:
        return int(self._as_parameter_)


class JobHandle(Handle):
    __slots__ = ()
    free = lib.fastpar_job_free


class QueueHandle(Handle):
    __slots__ = ()
    free = lib.fastpar_queue_free


class DictHandle(Handle):
    __slots__ = ()
    free = lib.fastpar_dict_free


class WriterHandle(Handle):
    __slots__ = ()
    free = lib.fastpar_writer_free


class ReaderHandle(Handle):
    __slots__ = ()
    free = lib.fastpar_reader_free


class ArchiveHandle(Handle):
    __slots__ = ()
    free = lib.fastpar_archive_free


class GroupsHandle(Handle):
    __slots__ = ()
    free = lib.fastpar_groups_free
