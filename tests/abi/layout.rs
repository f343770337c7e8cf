// Made by `cargo xtask bindings`. A number that changes breaks every compiled program.

layout! {
    fastpar_error: size 256, align 8 {
        status: 0,
        code: 4,
        position: 8,
        message: 16,
    }
    fastpar_pool_options: size 32, align 8 {
        struct_size: 0,
        threads: 8,
        flags: 12,
        stack_size: 16,
        thread_name: 24,
    }
    fastpar_pool_stats: size 112, align 8 {
        struct_size: 0,
        threads: 8,
        busy: 12,
        jobs: 16,
        chunks: 24,
        helpers: 32,
        bytes_in: 40,
        bytes_out: 48,
        busy_ns: 56,
        waiting_ns: 64,
        callback_ns: 72,
        codec_ns: 80,
        contexts_made: 88,
        contexts_reused: 96,
        late_helpers: 104,
    }
    fastpar_chunk: size 32, align 8 {
        index: 0,
        begin: 8,
        end: 16,
        lane: 24,
        lanes: 28,
    }
    fastpar_loop_options: size 88, align 8 {
        struct_size: 0,
        schedule: 8,
        max_lanes: 12,
        segments: 16,
        grain: 24,
        item_size: 32,
        cache_bytes: 40,
        cancel: 48,
        progress: 56,
        progress_data: 64,
        flags: 72,
        reserved: 76,
        name: 80,
    }
    fastpar_plan: size 40, align 8 {
        struct_size: 0,
        count: 8,
        chunks: 16,
        largest: 24,
        lanes: 32,
        reserved: 36,
    }
    fastpar_team_options: size 32, align 8 {
        struct_size: 0,
        members: 8,
        flags: 12,
        cancel: 16,
        name: 24,
    }
    fastpar_group_options: size 48, align 8 {
        struct_size: 0,
        max_lanes: 8,
        flags: 12,
        cancel: 16,
        drop: 24,
        drop_data: 32,
        name: 40,
    }
    fastpar_pipeline_options: size 40, align 8 {
        struct_size: 0,
        max_lanes: 8,
        in_flight: 12,
        cancel: 16,
        drop: 24,
        name: 32,
    }
    fastpar_sort_key: size 16, align 8 {
        offset: 0,
        r#type: 8,
        flags: 12,
    }
    fastpar_int128: size 16, align 8 {
        low: 0,
        high: 8,
    }
    fastpar_column: size 32, align 8 {
        base: 0,
        count: 8,
        stride: 16,
        r#type: 24,
        flags: 28,
    }
    fastpar_aggregate: size 24, align 8 {
        operation: 0,
        reserved: 4,
        column: 8,
        weights: 16,
    }
    fastpar_value: size 32, align 8 {
        integer: 0,
        number: 16,
        rows: 24,
    }
    fastpar_group_key: size 40, align 8 {
        column: 0,
        width: 8,
        origin: 16,
        float_width: 24,
        float_origin: 32,
    }
    fastpar_trace_options: size 24, align 8 {
        struct_size: 0,
        max_memory: 8,
        categories: 16,
        flags: 20,
    }
    fastpar_zstd_options: size 136, align 8 {
        struct_size: 0,
        level: 8,
        flags: 12,
        frame_size: 16,
        max_lanes: 24,
        window_log: 28,
        max_output: 32,
        max_memory: 40,
        dict: 48,
        cancel: 56,
        progress: 64,
        progress_data: 72,
        strategy: 80,
        reserved: 84,
        prefix: 88,
        prefix_len: 96,
        dicts: 104,
        dicts_count: 112,
        src_offset: 120,
        src_size: 128,
    }
    fastpar_zstd_info: size 40, align 8 {
        struct_size: 0,
        size: 8,
        compressed_size: 16,
        window: 24,
        dict_id: 32,
        flags: 36,
    }
    fastpar_batch_item: size 48, align 8 {
        src: 0,
        src_len: 8,
        dst: 16,
        dst_capacity: 24,
        written: 32,
        status: 40,
        code: 44,
    }
    fastpar_frame_info: size 40, align 8 {
        struct_size: 0,
        offset: 8,
        size: 16,
        content_offset: 24,
        content_size: 32,
    }
    fastpar_file_stats: size 48, align 8 {
        struct_size: 0,
        bytes_in: 8,
        bytes_out: 16,
        frames: 24,
        seconds: 32,
        peak_memory: 40,
    }
    fastpar_piece: size 40, align 8 {
        index: 0,
        offset: 8,
        data: 16,
        size: 24,
        lane: 32,
        lanes: 36,
    }
    fastpar_scan_options: size 88, align 8 {
        struct_size: 0,
        record_size: 8,
        piece_size: 16,
        flags: 24,
        max_lanes: 28,
        offset: 32,
        size: 40,
        max_memory: 48,
        cancel: 56,
        progress: 64,
        progress_data: 72,
        name: 80,
    }
    fastpar_field: size 16, align 8 {
        offset: 0,
        r#type: 8,
        flags: 12,
    }
    fastpar_condition: size 32, align 8 {
        comparison: 0,
        combine: 4,
        field: 8,
        low: 16,
        high: 24,
    }
    fastpar_table: size 40, align 8 {
        struct_size: 0,
        fields: 8,
        fields_count: 16,
        conditions: 24,
        conditions_count: 32,
    }
    fastpar_shard: size 40, align 8 {
        struct_size: 0,
        offset: 8,
        size: 16,
        first_frame: 24,
        frames: 32,
    }
}
