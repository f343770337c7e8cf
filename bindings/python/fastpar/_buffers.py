"""Addresses of Python's buffers, and bytes that are filled before other code sees them: nothing is copied."""

import ctypes
from collections.abc import Buffer, Callable

from ._unfinished import after_unfinished, unfinished

_SIMPLE, _WRITABLE = 0, 1


class PyBuffer(ctypes.Structure):
    """`Py_buffer`, which is part of CPython's stable ABI."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )

    def release(self) -> None:
        """Gives the buffer back; once, however often it is called."""
        _release_buffer(self)

    def __del__(self) -> None:
        # It goes with a handle, or a handler has struck where `__exit__` was about to do it.
        if not self.obj:
            return
        if unfinished:
            after_unfinished(self.release)
        else:
            self.release()


def _python(name: str, result: object, *arguments: object) -> ctypes._NamedFuncPointer:
    function = getattr(ctypes.pythonapi, name)
    function.restype, function.argtypes = result, arguments
    return function


_get_buffer = _python("PyObject_GetBuffer", ctypes.c_int, ctypes.py_object, ctypes.c_void_p, ctypes.c_int)
_release_buffer = _python("PyBuffer_Release", None, ctypes.POINTER(PyBuffer))
_new_bytes = _python("PyBytes_FromStringAndSize", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t)
_address_of_bytes = _python("PyBytes_AsString", ctypes.c_void_p, ctypes.c_void_p)
_resize_bytes = _python("_PyBytes_Resize", ctypes.c_int, ctypes.c_void_p, ctypes.c_ssize_t)
_drop = _python("Py_DecRef", None, ctypes.c_void_p)


class address:
    """Used like a function. While it is entered: address and size in bytes of a contiguous buffer, which can neither move nor go away
    meanwhile."""

    __slots__ = ("_data", "_view", "_writable")

    def __init__(self, data: Buffer, writable: bool = False) -> None:
        self._data, self._writable, self._view = data, writable, None

    def __enter__(self) -> tuple[int | None, int]:
        data = self._data
        # Nearly all buffers are of these two types, for which there are shorter ways.
        if type(data) is bytes and not self._writable:
            return _address_of_bytes(id(data)), len(data)
        if type(data) is bytearray and data:
            self._view = ctypes.c_char.from_buffer(data)
            return ctypes.addressof(self._view), len(data)
        view = PyBuffer()
        try:
            _get_buffer(data, ctypes.byref(view), _WRITABLE if self._writable else _SIMPLE)
            self._view = view
            return view.buf, view.len
        except BaseException:
            # Of a signal's handler, too, which may have struck when the buffer was taken.
            view.release()
            raise

    def __exit__(self, *_: object) -> None:
        if unfinished:
            after_unfinished(self._release)
        else:
            self._release()

    def _release(self) -> None:
        # It stays here until it is released: wherever a handler strikes, it goes with this object at the
        # latest.
        if type(self._view) is PyBuffer:
            self._view.release()
        self._view = None


def fill_bytes(capacity: int, fill: Callable[[int], int]) -> bytes:
    """Bytes that `fill(address)` writes, which returns how many of the `capacity` it has written."""
    if capacity == 0:
        fill(0)
        return b""
    # Until it is complete there is the bare pointer only: CPython shortens bytes only while nothing else
    # refers to them.
    pointer = ctypes.c_void_p()
    try:
        # No handler runs between the two steps of this; after a call one might, and lose the bytes.
        (pointer.value,) = map(_new_bytes, (None,), (capacity,))
        written = fill(_address_of_bytes(pointer))
        if written != capacity:
            _resize_bytes(ctypes.byref(pointer), written)
        return ctypes.cast(pointer, ctypes.py_object).value
    finally:
        if pointer:
            if unfinished:
                after_unfinished(lambda: _drop(pointer))
            else:
                _drop(pointer)
