"""The C ABI for ctypes: made by `cargo xtask bindings` from the sources of include/fastpar.h, which is the manual.

A `user_data` or `progress_data` is a Python object: whoever passes it keeps it alive. Other pointers are addresses, or whatever
ctypes takes for one.
"""

import ctypes
from typing import Final

FASTPAR_OK: Final = 0
FASTPAR_ERR_INVALID_ARGUMENT: Final = 10
FASTPAR_ERR_UNSUPPORTED: Final = 11
FASTPAR_ERR_BUFFER_TOO_SMALL: Final = 12
FASTPAR_ERR_OUT_OF_MEMORY: Final = 20
FASTPAR_ERR_LIMIT_EXCEEDED: Final = 21
FASTPAR_ERR_THREADS: Final = 22
FASTPAR_ERR_CORRUPT: Final = 30
FASTPAR_ERR_CHECKSUM: Final = 31
FASTPAR_ERR_TRUNCATED: Final = 32
FASTPAR_ERR_DICTIONARY: Final = 33
FASTPAR_ERR_NOT_ZSTD: Final = 34
FASTPAR_ERR_CALLBACK: Final = 40
FASTPAR_ERR_CANCELLED: Final = 41
FASTPAR_ERR_TIMEOUT: Final = 42
FASTPAR_ERR_CLOSED: Final = 43
FASTPAR_ERR_ALREADY_STARTED: Final = 50
FASTPAR_ERR_BUSY: Final = 51
FASTPAR_ERR_AGAIN: Final = 52
FASTPAR_ERR_IO: Final = 60
FASTPAR_ERR_PANIC: Final = 90
FASTPAR_ERR_INTERNAL: Final = 91
FASTPAR_ERROR_MESSAGE_SIZE: Final = 240
FASTPAR_ABI_VERSION: Final = 1
FASTPAR_THREADS_AUTO: Final = 4294967295
FASTPAR_POOL_PIN: Final = 1
FASTPAR_POOL_PARTIAL: Final = 2
FASTPAR_SCHEDULE_SEGMENTS: Final = 0
FASTPAR_SCHEDULE_CACHE: Final = 1
FASTPAR_SCHEDULE_GRAIN: Final = 2
FASTPAR_SCHEDULE_GUIDED: Final = 3
FASTPAR_LOOP_CACHE_DETECT: Final = 1
FASTPAR_U8: Final = 1
FASTPAR_U16: Final = 2
FASTPAR_U32: Final = 3
FASTPAR_U64: Final = 4
FASTPAR_I8: Final = 5
FASTPAR_I16: Final = 6
FASTPAR_I32: Final = 7
FASTPAR_I64: Final = 8
FASTPAR_F32: Final = 9
FASTPAR_F64: Final = 10
FASTPAR_BYTES: Final = 11
FASTPAR_SORT_DESCENDING: Final = 1
FASTPAR_AGGREGATE_COUNT: Final = 0
FASTPAR_AGGREGATE_SUM: Final = 1
FASTPAR_AGGREGATE_MEAN: Final = 2
FASTPAR_AGGREGATE_MIN: Final = 3
FASTPAR_AGGREGATE_MAX: Final = 4
FASTPAR_AGGREGATE_FIRST: Final = 5
FASTPAR_AGGREGATE_LAST: Final = 6
FASTPAR_AGGREGATE_VARIANCE: Final = 7
FASTPAR_AGGREGATE_DOT: Final = 8
FASTPAR_AGGREGATE_WEIGHTED_MEAN: Final = 9
FASTPAR_COMPARE_EQUAL: Final = 1
FASTPAR_COMPARE_NOT_EQUAL: Final = 2
FASTPAR_COMPARE_LESS: Final = 3
FASTPAR_COMPARE_LESS_EQUAL: Final = 4
FASTPAR_COMPARE_GREATER: Final = 5
FASTPAR_COMPARE_GREATER_EQUAL: Final = 6
FASTPAR_COMPARE_BETWEEN: Final = 7
FASTPAR_COMPARE_BETWEEN_CLOSED: Final = 8
FASTPAR_MASK_AND: Final = 1
FASTPAR_MASK_OR: Final = 2
FASTPAR_MASK_XOR: Final = 3
FASTPAR_MASK_AND_NOT: Final = 4
FASTPAR_MASK_NOT: Final = 5
FASTPAR_SEARCH_LEFT: Final = 0
FASTPAR_SEARCH_RIGHT: Final = 1
FASTPAR_TRACE_LOOPS: Final = 1
FASTPAR_TRACE_CHUNKS: Final = 2
FASTPAR_TRACE_TASKS: Final = 4
FASTPAR_TRACE_CODEC: Final = 8
FASTPAR_TRACE_FILES: Final = 16
FASTPAR_TRACE_USER: Final = 32
FASTPAR_ZSTD_NO_CHECKSUM: Final = 1
FASTPAR_ZSTD_NO_SEEK_TABLE: Final = 2
FASTPAR_ZSTD_SINGLE_FRAME: Final = 4
FASTPAR_ZSTD_SYNC: Final = 8
FASTPAR_ZSTD_LONG: Final = 16
FASTPAR_ZSTD_RSYNCABLE: Final = 32
FASTPAR_ZSTD_SPARSE: Final = 64
FASTPAR_ZSTD_KEEP: Final = 128
FASTPAR_ZSTD_COMPLETE: Final = 256
FASTPAR_ZSTD_IN_PLACE: Final = 512
FASTPAR_ZSTD_CHECK_TABLE: Final = 1024
FASTPAR_FRAME_CHECKSUM: Final = 1
FASTPAR_FRAME_SKIPPABLE: Final = 2
FASTPAR_SOURCE_LATER: Final = -2147483647
FASTPAR_SCAN_LINES: Final = 1


class fastpar_error(ctypes.Structure):
    _fields_ = (
        ("status", ctypes.c_int32),
        ("code", ctypes.c_int32),
        ("position", ctypes.c_uint64),
        ("message", ctypes.c_char * FASTPAR_ERROR_MESSAGE_SIZE),
    )


class fastpar_pool_options(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("threads", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("stack_size", ctypes.c_size_t),
        ("thread_name", ctypes.c_char_p),
    )


class fastpar_pool_stats(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("threads", ctypes.c_uint32),
        ("busy", ctypes.c_uint32),
        ("jobs", ctypes.c_uint64),
        ("chunks", ctypes.c_uint64),
        ("helpers", ctypes.c_uint64),
        ("bytes_in", ctypes.c_uint64),
        ("bytes_out", ctypes.c_uint64),
        ("busy_ns", ctypes.c_uint64),
        ("waiting_ns", ctypes.c_uint64),
        ("callback_ns", ctypes.c_uint64),
        ("codec_ns", ctypes.c_uint64),
        ("contexts_made", ctypes.c_uint64),
        ("contexts_reused", ctypes.c_uint64),
        ("late_helpers", ctypes.c_uint64),
    )


fastpar_thread_fn = ctypes.CFUNCTYPE(None, ctypes.py_object, ctypes.c_uint32)


class fastpar_chunk(ctypes.Structure):
    _fields_ = (
        ("index", ctypes.c_size_t),
        ("begin", ctypes.c_size_t),
        ("end", ctypes.c_size_t),
        ("lane", ctypes.c_uint32),
        ("lanes", ctypes.c_uint32),
    )


fastpar_chunk_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p)


fastpar_progress_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_uint64, ctypes.c_uint64)


class fastpar_loop_options(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("schedule", ctypes.c_uint32),
        ("max_lanes", ctypes.c_uint32),
        ("segments", ctypes.c_size_t),
        ("grain", ctypes.c_size_t),
        ("item_size", ctypes.c_size_t),
        ("cache_bytes", ctypes.c_size_t),
        ("cancel", ctypes.c_void_p),
        ("progress", fastpar_progress_fn),
        ("progress_data", ctypes.py_object),
        ("flags", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
    )


class fastpar_plan(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("count", ctypes.c_size_t),
        ("chunks", ctypes.c_size_t),
        ("largest", ctypes.c_size_t),
        ("lanes", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    )


fastpar_apply_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)


fastpar_fold_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)


fastpar_combine_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)


fastpar_done_fn = ctypes.CFUNCTYPE(None, ctypes.py_object, ctypes.c_int32, ctypes.c_void_p)


fastpar_member_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)


class fastpar_team_options(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("members", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cancel", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
    )


fastpar_task_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)


fastpar_drop_fn = ctypes.CFUNCTYPE(None, ctypes.py_object, ctypes.c_void_p)


class fastpar_group_options(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("max_lanes", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cancel", ctypes.c_void_p),
        ("drop", fastpar_drop_fn),
        ("drop_data", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
    )


fastpar_feed_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p)


fastpar_item_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_uint32)


class fastpar_pipeline_options(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("max_lanes", ctypes.c_uint32),
        ("in_flight", ctypes.c_uint32),
        ("cancel", ctypes.c_void_p),
        ("drop", fastpar_drop_fn),
        ("name", ctypes.c_char_p),
    )


class fastpar_sort_key(ctypes.Structure):
    _fields_ = (
        ("offset", ctypes.c_size_t),
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    )


class fastpar_int128(ctypes.Structure):
    _fields_ = (
        ("low", ctypes.c_uint64),
        ("high", ctypes.c_int64),
    )


class fastpar_column(ctypes.Structure):
    _fields_ = (
        ("base", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
        ("stride", ctypes.c_size_t),
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    )


class fastpar_aggregate(ctypes.Structure):
    _fields_ = (
        ("operation", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("column", ctypes.c_size_t),
        ("weights", ctypes.c_size_t),
    )


class fastpar_value(ctypes.Structure):
    _fields_ = (
        ("integer", fastpar_int128),
        ("number", ctypes.c_double),
        ("rows", ctypes.c_uint64),
    )


class fastpar_group_key(ctypes.Structure):
    _fields_ = (
        ("column", ctypes.c_size_t),
        ("width", ctypes.c_uint64),
        ("origin", ctypes.c_int64),
        ("float_width", ctypes.c_double),
        ("float_origin", ctypes.c_double),
    )


class fastpar_trace_options(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("max_memory", ctypes.c_uint64),
        ("categories", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    )


class fastpar_zstd_options(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("level", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("frame_size", ctypes.c_size_t),
        ("max_lanes", ctypes.c_uint32),
        ("window_log", ctypes.c_uint32),
        ("max_output", ctypes.c_uint64),
        ("max_memory", ctypes.c_uint64),
        ("dict", ctypes.c_void_p),
        ("cancel", ctypes.c_void_p),
        ("progress", fastpar_progress_fn),
        ("progress_data", ctypes.py_object),
        ("strategy", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("prefix", ctypes.c_void_p),
        ("prefix_len", ctypes.c_size_t),
        ("dicts", ctypes.c_void_p),
        ("dicts_count", ctypes.c_size_t),
        ("src_offset", ctypes.c_uint64),
        ("src_size", ctypes.c_uint64),
    )


class fastpar_zstd_info(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("size", ctypes.c_uint64),
        ("compressed_size", ctypes.c_uint64),
        ("window", ctypes.c_uint64),
        ("dict_id", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    )


class fastpar_batch_item(ctypes.Structure):
    _fields_ = (
        ("src", ctypes.c_void_p),
        ("src_len", ctypes.c_size_t),
        ("dst", ctypes.c_void_p),
        ("dst_capacity", ctypes.c_size_t),
        ("written", ctypes.c_size_t),
        ("status", ctypes.c_int32),
        ("code", ctypes.c_int32),
    )


fastpar_sink_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_size_t)


fastpar_source_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)


class fastpar_frame_info(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("offset", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("content_offset", ctypes.c_uint64),
        ("content_size", ctypes.c_uint64),
    )


fastpar_read_at_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)


class fastpar_file_stats(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("bytes_in", ctypes.c_uint64),
        ("bytes_out", ctypes.c_uint64),
        ("frames", ctypes.c_uint64),
        ("seconds", ctypes.c_double),
        ("peak_memory", ctypes.c_uint64),
    )


class fastpar_piece(ctypes.Structure):
    _fields_ = (
        ("index", ctypes.c_uint64),
        ("offset", ctypes.c_uint64),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("lane", ctypes.c_uint32),
        ("lanes", ctypes.c_uint32),
    )


fastpar_piece_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p)


fastpar_piece_fold_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)


class fastpar_scan_options(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("record_size", ctypes.c_size_t),
        ("piece_size", ctypes.c_size_t),
        ("flags", ctypes.c_uint32),
        ("max_lanes", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("max_memory", ctypes.c_uint64),
        ("cancel", ctypes.c_void_p),
        ("progress", fastpar_progress_fn),
        ("progress_data", ctypes.py_object),
        ("name", ctypes.c_char_p),
    )


class fastpar_field(ctypes.Structure):
    _fields_ = (
        ("offset", ctypes.c_size_t),
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    )


class fastpar_condition(ctypes.Structure):
    _fields_ = (
        ("comparison", ctypes.c_uint32),
        ("combine", ctypes.c_uint32),
        ("field", ctypes.c_size_t),
        ("low", ctypes.c_void_p),
        ("high", ctypes.c_void_p),
    )


class fastpar_table(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("fields", ctypes.c_void_p),
        ("fields_count", ctypes.c_size_t),
        ("conditions", ctypes.c_void_p),
        ("conditions_count", ctypes.c_size_t),
    )


fastpar_transform_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)


class fastpar_shard(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("offset", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("first_frame", ctypes.c_uint64),
        ("frames", ctypes.c_uint64),
    )


def declare(library: ctypes.CDLL) -> None:
    """Gives the functions of a loaded library their types."""
    library.fastpar_version.argtypes = ()
    library.fastpar_version.restype = ctypes.c_uint32
    library.fastpar_version_string.argtypes = ()
    library.fastpar_version_string.restype = ctypes.c_char_p
    library.fastpar_abi_version.argtypes = ()
    library.fastpar_abi_version.restype = ctypes.c_uint32
    library.fastpar_zstd_version_string.argtypes = ()
    library.fastpar_zstd_version_string.restype = ctypes.c_char_p
    library.fastpar_status_name.argtypes = (ctypes.c_int32,)
    library.fastpar_status_name.restype = ctypes.c_char_p
    library.fastpar_status_message.argtypes = (ctypes.c_int32,)
    library.fastpar_status_message.restype = ctypes.c_char_p
    library.fastpar_pool_start.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_pool_start.restype = ctypes.c_int32
    library.fastpar_pool_threads.argtypes = ()
    library.fastpar_pool_threads.restype = ctypes.c_uint32
    library.fastpar_cpus.argtypes = ()
    library.fastpar_cpus.restype = ctypes.c_uint32
    library.fastpar_pool_limit.argtypes = (ctypes.c_uint32, ctypes.c_void_p)
    library.fastpar_pool_limit.restype = ctypes.c_int32
    library.fastpar_pool_limit_get.argtypes = ()
    library.fastpar_pool_limit_get.restype = ctypes.c_uint32
    library.fastpar_pool_worker.argtypes = ()
    library.fastpar_pool_worker.restype = ctypes.c_int32
    library.fastpar_pool_stats_read.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_pool_stats_read.restype = ctypes.c_int32
    library.fastpar_pool_shutdown.argtypes = (ctypes.c_void_p,)
    library.fastpar_pool_shutdown.restype = ctypes.c_int32
    library.fastpar_pool_shutdown_within.argtypes = (ctypes.c_uint64, ctypes.c_void_p)
    library.fastpar_pool_shutdown_within.restype = ctypes.c_int32
    library.fastpar_pool_hook.argtypes = (fastpar_thread_fn, fastpar_thread_fn, ctypes.py_object, ctypes.c_void_p)
    library.fastpar_pool_hook.restype = ctypes.c_int32
    library.fastpar_pool_unhook.argtypes = (fastpar_thread_fn, fastpar_thread_fn, ctypes.py_object, ctypes.c_void_p)
    library.fastpar_pool_unhook.restype = ctypes.c_int32
    library.fastpar_for.argtypes = (ctypes.c_void_p, ctypes.c_size_t, fastpar_chunk_fn, ctypes.py_object, ctypes.c_void_p)
    library.fastpar_for.restype = ctypes.c_int32
    library.fastpar_cancel.argtypes = (ctypes.c_void_p,)
    library.fastpar_cancel.restype = None
    library.fastpar_plan_make.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_plan_make.restype = ctypes.c_int32
    library.fastpar_plan_chunk.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_plan_chunk.restype = ctypes.c_int32
    library.fastpar_prefix.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        fastpar_fold_fn,
        fastpar_combine_fn,
        fastpar_apply_fn,
        ctypes.py_object,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    library.fastpar_prefix.restype = ctypes.c_int32
    library.fastpar_reduce.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        fastpar_fold_fn,
        fastpar_combine_fn,
        ctypes.py_object,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    library.fastpar_reduce.restype = ctypes.c_int32
    library.fastpar_is_cancelled.argtypes = ()
    library.fastpar_is_cancelled.restype = ctypes.c_int32
    library.fastpar_fail.argtypes = (ctypes.c_void_p,)
    library.fastpar_fail.restype = None
    library.fastpar_for_start.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        fastpar_chunk_fn,
        ctypes.py_object,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_for_start.restype = ctypes.c_int32
    library.fastpar_job_wait.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p)
    library.fastpar_job_wait.restype = ctypes.c_int32
    library.fastpar_job_progress.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_job_progress.restype = ctypes.c_int32
    library.fastpar_job_cancel.argtypes = (ctypes.c_void_p,)
    library.fastpar_job_cancel.restype = None
    library.fastpar_job_free.argtypes = (ctypes.c_void_p,)
    library.fastpar_job_free.restype = None
    library.fastpar_job_notify.argtypes = (ctypes.c_void_p, fastpar_done_fn, ctypes.py_object, ctypes.c_void_p)
    library.fastpar_job_notify.restype = ctypes.c_int32
    library.fastpar_job_detach.argtypes = (ctypes.c_void_p,)
    library.fastpar_job_detach.restype = None
    library.fastpar_team_run.argtypes = (ctypes.c_uint32, fastpar_member_fn, ctypes.py_object, ctypes.c_void_p)
    library.fastpar_team_run.restype = ctypes.c_int32
    library.fastpar_team_run_with.argtypes = (ctypes.c_void_p, fastpar_member_fn, ctypes.py_object, ctypes.c_void_p)
    library.fastpar_team_run_with.restype = ctypes.c_int32
    library.fastpar_team_barrier.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_team_barrier.restype = ctypes.c_int32
    library.fastpar_group_run.argtypes = (ctypes.c_void_p, fastpar_task_fn, ctypes.py_object, ctypes.c_void_p)
    library.fastpar_group_run.restype = ctypes.c_int32
    library.fastpar_group_spawn.argtypes = (ctypes.c_void_p, fastpar_task_fn, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_group_spawn.restype = ctypes.c_int32
    library.fastpar_group_wait.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_group_wait.restype = ctypes.c_int32
    library.fastpar_pipeline_run.argtypes = (
        ctypes.c_void_p,
        fastpar_feed_fn,
        fastpar_item_fn,
        fastpar_item_fn,
        ctypes.py_object,
        ctypes.c_void_p,
    )
    library.fastpar_pipeline_run.restype = ctypes.c_int32
    library.fastpar_sort.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    library.fastpar_sort.restype = ctypes.c_int32
    library.fastpar_sort_memory.argtypes = (
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_sort_memory.restype = ctypes.c_int32
    library.fastpar_table_aggregate.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_table_aggregate.restype = ctypes.c_int32
    library.fastpar_column_compare.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    library.fastpar_column_compare.restype = ctypes.c_int32
    library.fastpar_column_take.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_column_take.restype = ctypes.c_int32
    library.fastpar_column_take_rows.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_column_take_rows.restype = ctypes.c_int32
    library.fastpar_column_histogram.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_double,
        ctypes.c_double,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    library.fastpar_column_histogram.restype = ctypes.c_int32
    library.fastpar_mask_combine.argtypes = (
        ctypes.c_uint32,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_mask_combine.restype = ctypes.c_int32
    library.fastpar_mask_count.argtypes = (ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_mask_count.restype = ctypes.c_int32
    library.fastpar_table_argsort.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_table_argsort.restype = ctypes.c_int32
    library.fastpar_table_merge.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_table_merge.restype = ctypes.c_int32
    library.fastpar_column_search.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_column_search.restype = ctypes.c_int32
    library.fastpar_table_group.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_table_group.restype = ctypes.c_int32
    library.fastpar_groups_count.argtypes = (ctypes.c_void_p,)
    library.fastpar_groups_count.restype = ctypes.c_size_t
    library.fastpar_groups_keys.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    library.fastpar_groups_keys.restype = ctypes.c_int32
    library.fastpar_groups_values.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    library.fastpar_groups_values.restype = ctypes.c_int32
    library.fastpar_groups_rows.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    library.fastpar_groups_rows.restype = ctypes.c_int32
    library.fastpar_groups_key_bytes.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_groups_key_bytes.restype = ctypes.c_int32
    library.fastpar_groups_free.argtypes = (ctypes.c_void_p,)
    library.fastpar_groups_free.restype = None
    library.fastpar_trace_start.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    library.fastpar_trace_start.restype = ctypes.c_int32
    library.fastpar_trace_stop.argtypes = (ctypes.c_void_p,)
    library.fastpar_trace_stop.restype = ctypes.c_int32
    library.fastpar_trace_begin.argtypes = (ctypes.c_char_p,)
    library.fastpar_trace_begin.restype = None
    library.fastpar_trace_end.argtypes = ()
    library.fastpar_trace_end.restype = None
    library.fastpar_atomic_load.argtypes = (ctypes.c_void_p,)
    library.fastpar_atomic_load.restype = ctypes.c_int64
    library.fastpar_atomic_store.argtypes = (ctypes.c_void_p, ctypes.c_int64)
    library.fastpar_atomic_store.restype = None
    library.fastpar_atomic_add.argtypes = (ctypes.c_void_p, ctypes.c_int64)
    library.fastpar_atomic_add.restype = ctypes.c_int64
    library.fastpar_atomic_max.argtypes = (ctypes.c_void_p, ctypes.c_int64)
    library.fastpar_atomic_max.restype = ctypes.c_int64
    library.fastpar_atomic_min.argtypes = (ctypes.c_void_p, ctypes.c_int64)
    library.fastpar_atomic_min.restype = ctypes.c_int64
    library.fastpar_atomic_compare_exchange.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    library.fastpar_atomic_compare_exchange.restype = ctypes.c_int32
    library.fastpar_queue_open.argtypes = (ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_queue_open.restype = ctypes.c_int32
    library.fastpar_queue_push.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_void_p)
    library.fastpar_queue_push.restype = ctypes.c_int32
    library.fastpar_queue_pop.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_queue_pop.restype = ctypes.c_int32
    library.fastpar_queue_close.argtypes = (ctypes.c_void_p,)
    library.fastpar_queue_close.restype = None
    library.fastpar_queue_free.argtypes = (ctypes.c_void_p,)
    library.fastpar_queue_free.restype = None
    library.fastpar_compress_bound.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_compress_bound.restype = ctypes.c_int32
    library.fastpar_compress.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_compress.restype = ctypes.c_int32
    library.fastpar_decompressed_size.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_decompressed_size.restype = ctypes.c_int32
    library.fastpar_decompress.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_decompress.restype = ctypes.c_int32
    library.fastpar_frame_read.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_frame_read.restype = ctypes.c_int32
    library.fastpar_dict_train.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_dict_train.restype = ctypes.c_int32
    library.fastpar_dict_open.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_dict_open.restype = ctypes.c_int32
    library.fastpar_dict_id.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_dict_id.restype = ctypes.c_int32
    library.fastpar_dict_free.argtypes = (ctypes.c_void_p,)
    library.fastpar_dict_free.restype = None
    library.fastpar_compress_batch.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_compress_batch.restype = ctypes.c_int32
    library.fastpar_decompress_batch.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_decompress_batch.restype = ctypes.c_int32
    library.fastpar_writer_open.argtypes = (ctypes.c_void_p, fastpar_sink_fn, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_writer_open.restype = ctypes.c_int32
    library.fastpar_writer_write.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    library.fastpar_writer_write.restype = ctypes.c_int32
    library.fastpar_writer_flush.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_writer_flush.restype = ctypes.c_int32
    library.fastpar_writer_finish.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_writer_finish.restype = ctypes.c_int32
    library.fastpar_writer_free.argtypes = (ctypes.c_void_p,)
    library.fastpar_writer_free.restype = None
    library.fastpar_reader_open.argtypes = (
        ctypes.c_void_p,
        fastpar_source_fn,
        ctypes.py_object,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_reader_open.restype = ctypes.c_int32
    library.fastpar_reader_read.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_reader_read.restype = ctypes.c_int32
    library.fastpar_reader_free.argtypes = (ctypes.c_void_p,)
    library.fastpar_reader_free.restype = None
    library.fastpar_archive_open.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_archive_open.restype = ctypes.c_int32
    library.fastpar_archive_open_file.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_archive_open_file.restype = ctypes.c_int32
    library.fastpar_archive_open_source.argtypes = (
        ctypes.c_void_p,
        fastpar_read_at_fn,
        ctypes.c_uint64,
        ctypes.py_object,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_archive_open_source.restype = ctypes.c_int32
    library.fastpar_archive_size.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_archive_size.restype = ctypes.c_int32
    library.fastpar_archive_frames.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_archive_frames.restype = ctypes.c_int32
    library.fastpar_archive_frame.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_archive_frame.restype = ctypes.c_int32
    library.fastpar_archive_free.argtypes = (ctypes.c_void_p,)
    library.fastpar_archive_free.restype = None
    library.fastpar_archive_read.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_archive_read.restype = ctypes.c_int32
    library.fastpar_archive_read_with.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_archive_read_with.restype = ctypes.c_int32
    library.fastpar_compress_file.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
    library.fastpar_compress_file.restype = ctypes.c_int32
    library.fastpar_decompress_file.argtypes = (
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_decompress_file.restype = ctypes.c_int32
    library.fastpar_archive_for.argtypes = (ctypes.c_void_p, ctypes.c_void_p, fastpar_piece_fn, ctypes.py_object, ctypes.c_void_p)
    library.fastpar_archive_for.restype = ctypes.c_int32
    library.fastpar_archive_reduce.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        fastpar_piece_fold_fn,
        fastpar_combine_fn,
        ctypes.py_object,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    library.fastpar_archive_reduce.restype = ctypes.c_int32
    library.fastpar_archive_aggregate.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_archive_aggregate.restype = ctypes.c_int32
    library.fastpar_archive_group.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_archive_group.restype = ctypes.c_int32
    library.fastpar_archive_take.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        fastpar_sink_fn,
        ctypes.py_object,
        ctypes.c_void_p,
    )
    library.fastpar_archive_take.restype = ctypes.c_int32
    library.fastpar_output_write.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    library.fastpar_output_write.restype = ctypes.c_int32
    library.fastpar_transform_file.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_char_p,
        fastpar_transform_fn,
        ctypes.py_object,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_transform_file.restype = ctypes.c_int32
    library.fastpar_archive_shard.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_uint64,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_archive_shard.restype = ctypes.c_int32
    library.fastpar_concat_files.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_concat_files.restype = ctypes.c_int32
    library.fastpar_seek_table_write.argtypes = (
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    library.fastpar_seek_table_write.restype = ctypes.c_int32
