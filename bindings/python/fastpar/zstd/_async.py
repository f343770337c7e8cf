"""The codec for event loops."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any

from .._async import cancellable
from ._archive import transform_file
from ._batches import compress_batch, decompress_batch
from ._codec import compress, compress_into, decompress, decompress_into
from ._files import compress_file, decompress_file
from ._shards import concat_files


def _async_form[**P, R](function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return await cancellable(function, *args, **kwargs)

    name = function.__name__
    call.__name__ = call.__qualname__ = f"{name}_async"
    call.__doc__ = (
        f"`{name}` for an event loop: the work is done by threads of the pool. When the awaiting task is cancelled the call is "
        "too, and has ended before the task goes on."
    )
    return call


compress_async = _async_form(compress)
compress_into_async = _async_form(compress_into)
decompress_async = _async_form(decompress)
decompress_into_async = _async_form(decompress_into)
compress_batch_async = _async_form(compress_batch)
decompress_batch_async = _async_form(decompress_batch)
compress_file_async = _async_form(compress_file)
decompress_file_async = _async_form(decompress_file)
concat_files_async = _async_form(concat_files)
transform_file_async = _async_form(transform_file)
