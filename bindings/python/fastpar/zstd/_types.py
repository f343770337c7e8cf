"""Types of arguments that many functions have."""

import os
from collections.abc import Mapping
from compression.zstd import ZstdDict
from typing import Any

#: The standard module's `options`: of CompressionParameter or DecompressionParameter to numbers.
type Parameters = Mapping[int, int]

#: The standard module's `zstd_dict`: a dictionary, perhaps with how it is to be loaded.
type Dictionary = ZstdDict | tuple[ZstdDict, int]

#: The name of a file. Bytes are for names that are not text.
type Name = str | bytes | os.PathLike[str] | os.PathLike[bytes]

#: A name, or something with `read` or `write`.
type File = Name | Any
