"""Handles of the library, each freed once, after the last call that uses it; and objects that cannot be copied."""

import ctypes
from collections.abc import Callable
from typing import ClassVar, NoReturn, SupportsIndex

from ._library import lib

_untrack = ctypes.pythonapi.PyObject_GC_UnTrack
_untrack.argtypes, _untrack.restype = (ctypes.py_object,), None


class Uncopied:
    """A base of objects that stand for memory of this process: neither pickled nor copied."""

    __slots__ = ()

    #: What to do instead.
    _instead: ClassVar[str] = "share the object itself"

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"cannot pickle or copy {name!r} objects: their memory belongs to this process; {self._instead}")


class Handle(Uncopied, ctypes.c_void_p):
    """A pointer to an object of the library, which is freed when the last reference to the handle goes.

    It is there before that object: what makes one stores it by `ctypes.byref` of the handle, so that a signal handler that raises
    just then leaves none that nobody frees. Owners hold the handle in an attribute, and close by dropping it: a call under way in
    another thread has a reference among its arguments.

    The garbage collector does not track it: unlike those of other objects, its finalizer cannot run before the finalizers of
    objects in the same cycle, which may still use the handle. And unlike the destructor of a capsule, a finalizer may run Python's
    code while an exception is on its way.
    """

    __slots__ = ("_kept",)

    #: Frees this kind of handle.
    free: ClassVar[Callable[[int], object]]

    def __init__(self, kept: object = None) -> None:
        """`kept` lives until the handle is freed, and must not refer to the owner, which would never be collected then."""
        self._kept = kept
        _untrack(self)

    def __del__(self) -> None:
        # Taken out first: where a handler strikes, this is called again.
        address, self.value = self.value, None
        if address is not None:
            self.free(address)


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
