"""What the standard module's arguments mean for fastpar; and what fastpar leaves to the standard module."""

import contextvars
import ctypes
import os
import weakref
from collections.abc import Buffer, Callable, Iterable, Sequence
from compression import zstd as standard
from compression.zstd import CompressionParameter, DecompressionParameter, ZstdDict, ZstdError
from typing import TypedDict, Unpack

from .. import _native as n
from .._buffers import address
from .._calls import entries, raise_failures
from .._errors import BufferTooSmallError, CancelFlag, Error, call, check_options, error_of, size, uint32, watching
from .._handles import DictHandle
from .._library import lib
from .._options import unknown_option
from ._types import Dictionary, Name, Parameters

_SIZE = ctypes.sizeof(n.fastpar_zstd_options)

#: Why `Settings.supported` is false, where there is no other way.
UNSUPPORTED = "fastpar does not have these parameters of the standard module: the sizes of tables, target_length, min_match, ldm_*"
_LEVELS = CompressionParameter.compression_level.bounds()

_ZSTD_DICT_MAGIC = b"\x37\xa4\x30\xec"


class DataError(Error, ZstdError):
    """The data is damaged, incomplete, not zstd, or needs another dictionary: a ZstdError that tells more."""


_DATA_ERRORS: dict[int, type[Error]] = dict.fromkeys(
    (
        n.FASTPAR_ERR_CORRUPT,
        n.FASTPAR_ERR_CHECKSUM,
        n.FASTPAR_ERR_TRUNCATED,
        n.FASTPAR_ERR_DICTIONARY,
        n.FASTPAR_ERR_NOT_ZSTD,
    ),
    DataError,
)


# What the standard module says of the same data, for programs that look for it.
_STANDARD_WORDS = {
    n.FASTPAR_ERR_TRUNCATED: b"Compressed data ended before the end-of-stream marker was reached: ",
    n.FASTPAR_ERR_NOT_ZSTD: b"Unable to decompress Zstandard data: Unknown frame descriptor: ",
}


def failure(
    error: n.fastpar_error, needed: int = 0, paths: Sequence[str] = (), source: str | None = None
) -> Exception:
    """The exception for what a call of the codec has reported; `needed`: the capacity that it asks for if that was too small;
    `paths`: of the files that it was given; `source`: the one whose data it decodes."""
    error.message = (_STANDARD_WORDS.get(error.status, b"") + error.message)[: n.FASTPAR_ERROR_MESSAGE_SIZE - 1]
    exception = error_of(error, _DATA_ERRORS, paths, source)
    if isinstance(exception, BufferTooSmallError):
        exception.needed = needed
    return exception


def check(
    status: int, error: n.fastpar_error, paths: Sequence[str] = (), source: str | None = None
) -> None:
    """Raises what a call of the codec has reported."""
    if status != n.FASTPAR_OK:
        raise failure(error, 0, paths, source)


def is_level(level: object) -> bool:
    """Whether it is a level that there is, or None, the default."""
    return level is None or type(level) is int and _LEVELS[0] <= level <= _LEVELS[1]


class Dict:
    """A dictionary as fastpar has it, prepared once for all calls."""

    __slots__ = ("handle",)

    def __init__(self, content: bytes, level: int) -> None:
        handle, error = DictHandle(), n.fastpar_error()
        check(lib.fastpar_dict_open(content, len(content), level, ctypes.byref(handle), ctypes.byref(error)), error)
        self.handle = handle


_dicts: weakref.WeakKeyDictionary[ZstdDict, Dict] = weakref.WeakKeyDictionary()


def _dict_of(zstd_dict: ZstdDict) -> Dict | None:
    """The standard module's dictionary for fastpar; None: fastpar would take it for something else."""
    content = zstd_dict.dict_content
    if zstd_dict.dict_id == 0 and content.startswith(_ZSTD_DICT_MAGIC):
        return None
    return Dict(content, 0)


def path(name: Name) -> bytes:
    """A path as C takes it, which would end at a NUL."""
    encoded = os.fsencode(name)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


class ZstdOptions(TypedDict, total=False):
    """What calls of `fastpar.zstd` take beside the standard module's arguments."""

    #: Uncompressed bytes per frame; 0: from memory to memory 24 equal frames, fewer or more where they would
    #: be very small or large; to files and streams 4 MiB, and more at high levels.
    frame_size: int
    #: One frame, compressed in parallel: for readers that take one frame only.
    single_frame: bool
    #: Frames end where a rolling hash of the data says so, at about `frame_size` bytes: a change of the data
    #: changes only the frames around it.
    rsyncable: bool
    #: To decompress with, beside `zstd_dict`: a frame gets the dictionary that it names.
    dicts: Iterable[ZstdDict]
    #: What the frame may repeat, such as an older version of the data; the same to decompress it. Makes one
    #: frame, and goes not with `zstd_dict`. Must not change meanwhile.
    prefix: Buffer | None
    #: Compressing: a table of the frames is written for a single frame, too. Decompressing: the data must end
    #: with a table that covers all of it, else its writer did not come to the end: DataError.
    complete: bool
    #: Files that are read: a table of the frames is expected, and the checksums that it tells of frames
    #: without their own are compared when it comes: DataError. Ordinary files and io.BytesIO are looked at
    #: for such a table anyway.
    check_table: bool
    #: Compressing: whether a table of the frames is written after several, by which archives find them; True
    #: is the default.
    seek_table: bool
    #: Threads that work on the call at the same time; 0: as many as the CPUs this process may use.
    max_lanes: int
    #: The most bytes that may come out; 0: no limit. LimitError past it.
    max_output: int
    #: Working memory of the call in bytes; 0: no limit.
    max_memory: int
    #: A flag that stops the call: it then raises CancelledError.
    cancel: CancelFlag | None
    #: Called with (bytes done, total; None while the data does not tell), at most about 20 times a second,
    #: from the threads that work, never from two at a time. Uncompressed bytes, but bytes of the source where
    #: files and streams are decompressed. What it raises ends the call. Archives do not call it.
    progress: Callable[[int, int | None], object] | None


class FileOptions(ZstdOptions, total=False):
    """What calls that write files take beside these."""

    #: The target is on the disk when the call returns.
    sync: bool
    #: Blocks of zeros become holes of the target, where the file system has them.
    sparse: bool
    #: An existing target is FileExistsError, and stays.
    keep: bool
    #: A target that cannot be replaced by a rename is written where it stands, instead of OSError.
    in_place: bool


#: A total that is not known.
_UNKNOWN = 2**64 - 1


def report_progress(call: "Settings", done: int, total: int) -> int:
    """What the library calls with how far a call is."""
    try:
        if call.progress is not None:
            call.context.run(call.progress, done, None if total == _UNKNOWN else total)
        return 0
    except BaseException as error:
        call.fail(0, error)
        return 1


_progress_callback = n.fastpar_progress_fn(report_progress)
entries.add(report_progress.__code__)


class Settings:
    """The C options of one call, and what they point to."""

    #: What options there are.
    known: type = ZstdOptions
    progress: Callable[[int, int | None], object] | None = None
    context: contextvars.Context

    def __init__(
        self,
        level: int | None,
        options: Parameters | None,
        zstd_dict: Dictionary | None,
        compress: bool,
        **more: Unpack[ZstdOptions],
    ) -> None:
        self._flag = ctypes.c_int32()
        self.native = n.fastpar_zstd_options(struct_size=_SIZE, cancel=ctypes.addressof(self._flag))
        self.cancel: CancelFlag | None = None
        #: What `progress` has raised.
        self.failures: list[tuple[int, BaseException]] = []
        self._kept: list[object] = [self._flag]
        #: Whether fastpar does what was asked for; else the standard module does.
        self.supported = True
        # Most calls have no options: after a long one, all that is looked at for the next has to come from
        # memory again.
        if more:
            self._more(**more)
        if compress:
            self._compress(level, options)
        elif options is not None:
            self._decompress(options)
        if zstd_dict is not None:
            self._dict(zstd_dict)

    def stop(self) -> None:
        """Cancels the call."""
        lib.fastpar_cancel(ctypes.addressof(self._flag))

    def fail(self, index: int, error: BaseException) -> None:
        """Notes what `progress` has raised; the call ends."""
        self.failures.append((index, error))
        self.stop()

    def raise_failure(self) -> None:
        """Raises what `progress` has raised."""
        if self.failures:
            raise_failures(self.failures, "reports", False)

    def kept(self) -> object:
        """What the library looks at for as long as it has these options."""
        return self._kept

    def watching(self):
        """While it is entered, the caller's flag stops the call."""
        return watching(self.cancel, self)

    def _more(
        self,
        *,
        frame_size: int = 0,
        single_frame: bool = False,
        rsyncable: bool = False,
        dicts: Iterable[ZstdDict] = (),
        prefix: Buffer | None = None,
        complete: bool = False,
        check_table: bool = False,
        seek_table: bool = True,
        max_lanes: int = 0,
        max_output: int = 0,
        max_memory: int = 0,
        cancel: CancelFlag | None = None,
        progress: Callable[[int, int | None], object] | None = None,
        **unknown: object,
    ) -> None:
        if unknown:
            raise unknown_option(next(iter(unknown)), self.known)
        check_options(cancel, progress)
        self.native.frame_size = size(frame_size, "frame_size")
        self.native.max_lanes = uint32(max_lanes, "max_lanes")
        self.native.max_output = size(max_output, "max_output")
        self.native.max_memory = size(max_memory, "max_memory")
        self.native.flags = n.FASTPAR_ZSTD_SINGLE_FRAME if single_frame else 0
        if rsyncable:
            self.native.flags |= n.FASTPAR_ZSTD_RSYNCABLE
        self._dicts(dicts)
        if prefix is not None:
            self._prefix(prefix)
        if complete:
            self.native.flags |= n.FASTPAR_ZSTD_COMPLETE
        if check_table:
            self.native.flags |= n.FASTPAR_ZSTD_CHECK_TABLE
        if not seek_table:
            self.native.flags |= n.FASTPAR_ZSTD_NO_SEEK_TABLE
        self.cancel = cancel
        if progress is not None:
            self.progress, self.context = progress, contextvars.copy_context()
            self.native.progress, self.native.progress_data = _progress_callback, self

    def _compress(self, level: int | None, options: Parameters | None) -> None:
        # The standard module checks what is not plainly right, so that both refuse the same arguments in the
        # same words.
        if options is not None or not is_level(level):
            standard.ZstdCompressor(level, options)
        for parameter, value in (options or {}).items():
            match parameter:
                case CompressionParameter.compression_level:
                    level = value
                case CompressionParameter.window_log:
                    self.native.window_log = value
                case CompressionParameter.checksum_flag if not value:
                    self.native.flags |= n.FASTPAR_ZSTD_NO_CHECKSUM
                case CompressionParameter.strategy:
                    self.native.strategy = value
                case CompressionParameter.enable_long_distance_matching:
                    self._long(value)
                case (
                    CompressionParameter.checksum_flag
                    | CompressionParameter.nb_workers
                    | CompressionParameter.job_size
                    | CompressionParameter.overlap_log
                ):
                    # Checksums are on anyway, and so are threads, which share out the work in their own way.
                    pass
                case CompressionParameter.content_size_flag | CompressionParameter.dict_id_flag if value:
                    pass
                case _ if value:
                    self.supported = False
        # 0 is the default level for both.
        self.native.level = level or 0

    def _long(self, value: int) -> None:
        # 0: by itself, 2: never. What is found far away has to be in the same frame.
        if value == 1:
            self.native.flags |= n.FASTPAR_ZSTD_LONG
            if not self.native.frame_size:
                self.native.flags |= n.FASTPAR_ZSTD_SINGLE_FRAME

    def _decompress(self, options: dict) -> None:
        standard.ZstdDecompressor(options=options)
        for parameter, value in options.items():
            if parameter == DecompressionParameter.window_log_max:
                self.native.window_log = value

    def _dict(self, zstd_dict: Dictionary | None) -> None:
        # The standard module's dictionaries may come as (dictionary, how to load it): all but prefixes mean
        # the same here.
        if isinstance(zstd_dict, tuple) and len(zstd_dict) == 2 and zstd_dict[1] in (0, 1):
            zstd_dict = zstd_dict[0]
        elif isinstance(zstd_dict, tuple) and len(zstd_dict) == 2 and zstd_dict[1] == 2:
            if isinstance(zstd_dict[0], ZstdDict):
                return self._prefix(zstd_dict[0].dict_content)
        if not isinstance(zstd_dict, ZstdDict):
            if not isinstance(zstd_dict, tuple):
                raise TypeError("zstd_dict argument should be a ZstdDict object.")
            self.supported = False
            return
        found = _prepared(zstd_dict)
        if found is None:
            self.supported = False
        else:
            self._kept.append(found)
            self.native.dict = found.handle.value

    def _dicts(self, dicts: Iterable[ZstdDict]) -> None:
        addresses = []
        for zstd_dict in dicts:
            if not isinstance(zstd_dict, ZstdDict):
                raise TypeError("dicts should be ZstdDict objects.")
            found = _prepared(zstd_dict)
            # What fastpar takes for something else has no id, and is never chosen.
            if found is not None:
                self._kept.append(found)
                addresses.append(found.handle.value)
        if addresses:
            array = (ctypes.c_void_p * len(addresses))(*addresses)
            self._kept.append(array)
            self.native.dicts = ctypes.addressof(array)
            self.native.dicts_count = len(addresses)

    def _prefix(self, prefix: Buffer) -> None:
        if type(prefix) is not bytes:
            prefix = bytes(memoryview(prefix))
        self._kept.append(prefix)
        # Bytes stay where they are, entered or not.
        with address(prefix) as (self.native.prefix, self.native.prefix_len):
            pass
        if not self.native.frame_size:
            self.native.flags |= n.FASTPAR_ZSTD_SINGLE_FRAME


class FileSettings(Settings):
    """The same of a call that writes files."""

    known = FileOptions

    def _more(
        self, *, sync: bool = False, sparse: bool = False, keep: bool = False, in_place: bool = False, **more: Unpack[ZstdOptions]
    ) -> None:
        super()._more(**more)
        self.native.flags |= (
            (n.FASTPAR_ZSTD_SYNC if sync else 0)
            | (n.FASTPAR_ZSTD_SPARSE if sparse else 0)
            | (n.FASTPAR_ZSTD_KEEP if keep else 0)
            | (n.FASTPAR_ZSTD_IN_PLACE if in_place else 0)
        )


def _prepared(zstd_dict: ZstdDict) -> Dict | None:
    """Dictionaries take milliseconds to prepare: each is kept for as long as the standard module's object lives."""
    try:
        return _dicts[zstd_dict]
    except KeyError:
        found = _dict_of(zstd_dict)
        if found is not None:
            _dicts[zstd_dict] = found
        return found
    except TypeError:
        return _dict_of(zstd_dict)
