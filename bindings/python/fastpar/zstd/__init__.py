"""`compression.zstd` on fastpar: the same names, in parallel, and what fastpar has beyond it.

What the standard module does as well is the standard module's: compressors and decompressors that are fed piece by piece,
dictionaries, and the questions about frames.
"""

from compression.zstd import (
    COMPRESSION_LEVEL_DEFAULT,
    CompressionParameter,
    DecompressionParameter,
    FrameInfo,
    Strategy,
    ZstdCompressor,
    ZstdDecompressor,
    ZstdDict,
    ZstdError,
    finalize_dict,
    get_frame_info,
    get_frame_size,
    train_dict,
    zstd_version,
    zstd_version_info,
)

from ._archive import Archive, Frame, transform_file
from ._async import (
    compress_async,
    compress_batch_async,
    compress_file_async,
    compress_into_async,
    concat_files_async,
    decompress_async,
    decompress_batch_async,
    decompress_file_async,
    decompress_into_async,
    transform_file_async,
)
from ._batches import compress_batch, decompress_batch
from ._codec import (
    ZstdInfo,
    compress,
    compress_bound,
    compress_into,
    decompress,
    decompress_into,
    decompressed_size,
    frame_read,
)
from ._file import ZstdFile, open
from ._files import FileStats, compress_file, decompress_file
from ._open import open_archive, open_source
from ._scan import ScanOptions
from ._settings import DataError, FileOptions, ZstdOptions
from ._shards import Shard, concat_files, seek_table_write, shards

__all__ = (
    "COMPRESSION_LEVEL_DEFAULT",
    "Archive",
    "CompressionParameter",
    "DataError",
    "DecompressionParameter",
    "FileOptions",
    "FileStats",
    "Frame",
    "FrameInfo",
    "ScanOptions",
    "Shard",
    "Strategy",
    "ZstdCompressor",
    "ZstdDecompressor",
    "ZstdDict",
    "ZstdError",
    "ZstdFile",
    "ZstdInfo",
    "ZstdOptions",
    "compress",
    "compress_async",
    "compress_batch",
    "compress_batch_async",
    "compress_bound",
    "compress_file",
    "compress_file_async",
    "compress_into",
    "compress_into_async",
    "concat_files",
    "concat_files_async",
    "decompress",
    "decompress_async",
    "decompress_batch",
    "decompress_batch_async",
    "decompress_file",
    "decompress_file_async",
    "decompress_into",
    "decompress_into_async",
    "decompressed_size",
    "finalize_dict",
    "frame_read",
    "get_frame_info",
    "get_frame_size",
    "open",
    "open_archive",
    "open_source",
    "seek_table_write",
    "shards",
    "train_dict",
    "transform_file",
    "transform_file_async",
    "zstd_version",
    "zstd_version_info",
)
