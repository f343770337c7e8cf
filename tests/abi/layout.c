/* Made by `cargo xtask bindings`. A number that changes breaks every compiled program. */
#include <fastpar.h>

/* C99 has no static assert: an array of negative size fails just as well. */
#define GLUE(a, b) a##b
#define NAME(line) GLUE(assert_line_, line)
#define ASSERT(condition) typedef char NAME(__LINE__)[(condition) ? 1 : -1]

#if SIZE_MAX == UINT64_MAX

ASSERT(sizeof(fastpar_error) == 256);
ASSERT(offsetof(fastpar_error, status) == 0);
ASSERT(offsetof(fastpar_error, code) == 4);
ASSERT(offsetof(fastpar_error, position) == 8);
ASSERT(offsetof(fastpar_error, message) == 16);

ASSERT(sizeof(fastpar_pool_options) == 32);
ASSERT(offsetof(fastpar_pool_options, struct_size) == 0);
ASSERT(offsetof(fastpar_pool_options, threads) == 8);
ASSERT(offsetof(fastpar_pool_options, flags) == 12);
ASSERT(offsetof(fastpar_pool_options, stack_size) == 16);
ASSERT(offsetof(fastpar_pool_options, thread_name) == 24);

ASSERT(sizeof(fastpar_pool_stats) == 112);
ASSERT(offsetof(fastpar_pool_stats, struct_size) == 0);
ASSERT(offsetof(fastpar_pool_stats, threads) == 8);
ASSERT(offsetof(fastpar_pool_stats, busy) == 12);
ASSERT(offsetof(fastpar_pool_stats, jobs) == 16);
ASSERT(offsetof(fastpar_pool_stats, chunks) == 24);
ASSERT(offsetof(fastpar_pool_stats, helpers) == 32);
ASSERT(offsetof(fastpar_pool_stats, bytes_in) == 40);
ASSERT(offsetof(fastpar_pool_stats, bytes_out) == 48);
ASSERT(offsetof(fastpar_pool_stats, busy_ns) == 56);
ASSERT(offsetof(fastpar_pool_stats, waiting_ns) == 64);
ASSERT(offsetof(fastpar_pool_stats, callback_ns) == 72);
ASSERT(offsetof(fastpar_pool_stats, codec_ns) == 80);
ASSERT(offsetof(fastpar_pool_stats, contexts_made) == 88);
ASSERT(offsetof(fastpar_pool_stats, contexts_reused) == 96);
ASSERT(offsetof(fastpar_pool_stats, late_helpers) == 104);

ASSERT(sizeof(fastpar_chunk) == 32);
ASSERT(offsetof(fastpar_chunk, index) == 0);
ASSERT(offsetof(fastpar_chunk, begin) == 8);
ASSERT(offsetof(fastpar_chunk, end) == 16);
ASSERT(offsetof(fastpar_chunk, lane) == 24);
ASSERT(offsetof(fastpar_chunk, lanes) == 28);

ASSERT(sizeof(fastpar_loop_options) == 88);
ASSERT(offsetof(fastpar_loop_options, struct_size) == 0);
ASSERT(offsetof(fastpar_loop_options, schedule) == 8);
ASSERT(offsetof(fastpar_loop_options, max_lanes) == 12);
ASSERT(offsetof(fastpar_loop_options, segments) == 16);
ASSERT(offsetof(fastpar_loop_options, grain) == 24);
ASSERT(offsetof(fastpar_loop_options, item_size) == 32);
ASSERT(offsetof(fastpar_loop_options, cache_bytes) == 40);
ASSERT(offsetof(fastpar_loop_options, cancel) == 48);
ASSERT(offsetof(fastpar_loop_options, progress) == 56);
ASSERT(offsetof(fastpar_loop_options, progress_data) == 64);
ASSERT(offsetof(fastpar_loop_options, flags) == 72);
ASSERT(offsetof(fastpar_loop_options, reserved) == 76);
ASSERT(offsetof(fastpar_loop_options, name) == 80);

ASSERT(sizeof(fastpar_plan) == 40);
ASSERT(offsetof(fastpar_plan, struct_size) == 0);
ASSERT(offsetof(fastpar_plan, count) == 8);
ASSERT(offsetof(fastpar_plan, chunks) == 16);
ASSERT(offsetof(fastpar_plan, largest) == 24);
ASSERT(offsetof(fastpar_plan, lanes) == 32);
ASSERT(offsetof(fastpar_plan, reserved) == 36);

ASSERT(sizeof(fastpar_team_options) == 32);
ASSERT(offsetof(fastpar_team_options, struct_size) == 0);
ASSERT(offsetof(fastpar_team_options, members) == 8);
ASSERT(offsetof(fastpar_team_options, flags) == 12);
ASSERT(offsetof(fastpar_team_options, cancel) == 16);
ASSERT(offsetof(fastpar_team_options, name) == 24);

ASSERT(sizeof(fastpar_group_options) == 48);
ASSERT(offsetof(fastpar_group_options, struct_size) == 0);
ASSERT(offsetof(fastpar_group_options, max_lanes) == 8);
ASSERT(offsetof(fastpar_group_options, flags) == 12);
ASSERT(offsetof(fastpar_group_options, cancel) == 16);
ASSERT(offsetof(fastpar_group_options, drop) == 24);
ASSERT(offsetof(fastpar_group_options, drop_data) == 32);
ASSERT(offsetof(fastpar_group_options, name) == 40);

ASSERT(sizeof(fastpar_pipeline_options) == 40);
ASSERT(offsetof(fastpar_pipeline_options, struct_size) == 0);
ASSERT(offsetof(fastpar_pipeline_options, max_lanes) == 8);
ASSERT(offsetof(fastpar_pipeline_options, in_flight) == 12);
ASSERT(offsetof(fastpar_pipeline_options, cancel) == 16);
ASSERT(offsetof(fastpar_pipeline_options, drop) == 24);
ASSERT(offsetof(fastpar_pipeline_options, name) == 32);

ASSERT(sizeof(fastpar_sort_key) == 16);
ASSERT(offsetof(fastpar_sort_key, offset) == 0);
ASSERT(offsetof(fastpar_sort_key, type) == 8);
ASSERT(offsetof(fastpar_sort_key, flags) == 12);

ASSERT(sizeof(fastpar_int128) == 16);
ASSERT(offsetof(fastpar_int128, low) == 0);
ASSERT(offsetof(fastpar_int128, high) == 8);

ASSERT(sizeof(fastpar_column) == 32);
ASSERT(offsetof(fastpar_column, base) == 0);
ASSERT(offsetof(fastpar_column, count) == 8);
ASSERT(offsetof(fastpar_column, stride) == 16);
ASSERT(offsetof(fastpar_column, type) == 24);
ASSERT(offsetof(fastpar_column, flags) == 28);

ASSERT(sizeof(fastpar_aggregate) == 24);
ASSERT(offsetof(fastpar_aggregate, operation) == 0);
ASSERT(offsetof(fastpar_aggregate, reserved) == 4);
ASSERT(offsetof(fastpar_aggregate, column) == 8);
ASSERT(offsetof(fastpar_aggregate, weights) == 16);

ASSERT(sizeof(fastpar_value) == 32);
ASSERT(offsetof(fastpar_value, integer) == 0);
ASSERT(offsetof(fastpar_value, number) == 16);
ASSERT(offsetof(fastpar_value, rows) == 24);

ASSERT(sizeof(fastpar_group_key) == 40);
ASSERT(offsetof(fastpar_group_key, column) == 0);
ASSERT(offsetof(fastpar_group_key, width) == 8);
ASSERT(offsetof(fastpar_group_key, origin) == 16);
ASSERT(offsetof(fastpar_group_key, float_width) == 24);
ASSERT(offsetof(fastpar_group_key, float_origin) == 32);

ASSERT(sizeof(fastpar_trace_options) == 24);
ASSERT(offsetof(fastpar_trace_options, struct_size) == 0);
ASSERT(offsetof(fastpar_trace_options, max_memory) == 8);
ASSERT(offsetof(fastpar_trace_options, categories) == 16);
ASSERT(offsetof(fastpar_trace_options, flags) == 20);

ASSERT(sizeof(fastpar_zstd_options) == 136);
ASSERT(offsetof(fastpar_zstd_options, struct_size) == 0);
ASSERT(offsetof(fastpar_zstd_options, level) == 8);
ASSERT(offsetof(fastpar_zstd_options, flags) == 12);
ASSERT(offsetof(fastpar_zstd_options, frame_size) == 16);
ASSERT(offsetof(fastpar_zstd_options, max_lanes) == 24);
ASSERT(offsetof(fastpar_zstd_options, window_log) == 28);
ASSERT(offsetof(fastpar_zstd_options, max_output) == 32);
ASSERT(offsetof(fastpar_zstd_options, max_memory) == 40);
ASSERT(offsetof(fastpar_zstd_options, dict) == 48);
ASSERT(offsetof(fastpar_zstd_options, cancel) == 56);
ASSERT(offsetof(fastpar_zstd_options, progress) == 64);
ASSERT(offsetof(fastpar_zstd_options, progress_data) == 72);
ASSERT(offsetof(fastpar_zstd_options, strategy) == 80);
ASSERT(offsetof(fastpar_zstd_options, reserved) == 84);
ASSERT(offsetof(fastpar_zstd_options, prefix) == 88);
ASSERT(offsetof(fastpar_zstd_options, prefix_len) == 96);
ASSERT(offsetof(fastpar_zstd_options, dicts) == 104);
ASSERT(offsetof(fastpar_zstd_options, dicts_count) == 112);
ASSERT(offsetof(fastpar_zstd_options, src_offset) == 120);
ASSERT(offsetof(fastpar_zstd_options, src_size) == 128);

ASSERT(sizeof(fastpar_zstd_info) == 40);
ASSERT(offsetof(fastpar_zstd_info, struct_size) == 0);
ASSERT(offsetof(fastpar_zstd_info, size) == 8);
ASSERT(offsetof(fastpar_zstd_info, compressed_size) == 16);
ASSERT(offsetof(fastpar_zstd_info, window) == 24);
ASSERT(offsetof(fastpar_zstd_info, dict_id) == 32);
ASSERT(offsetof(fastpar_zstd_info, flags) == 36);

ASSERT(sizeof(fastpar_batch_item) == 48);
ASSERT(offsetof(fastpar_batch_item, src) == 0);
ASSERT(offsetof(fastpar_batch_item, src_len) == 8);
ASSERT(offsetof(fastpar_batch_item, dst) == 16);
ASSERT(offsetof(fastpar_batch_item, dst_capacity) == 24);
ASSERT(offsetof(fastpar_batch_item, written) == 32);
ASSERT(offsetof(fastpar_batch_item, status) == 40);
ASSERT(offsetof(fastpar_batch_item, code) == 44);

ASSERT(sizeof(fastpar_frame_info) == 40);
ASSERT(offsetof(fastpar_frame_info, struct_size) == 0);
ASSERT(offsetof(fastpar_frame_info, offset) == 8);
ASSERT(offsetof(fastpar_frame_info, size) == 16);
ASSERT(offsetof(fastpar_frame_info, content_offset) == 24);
ASSERT(offsetof(fastpar_frame_info, content_size) == 32);

ASSERT(sizeof(fastpar_file_stats) == 48);
ASSERT(offsetof(fastpar_file_stats, struct_size) == 0);
ASSERT(offsetof(fastpar_file_stats, bytes_in) == 8);
ASSERT(offsetof(fastpar_file_stats, bytes_out) == 16);
ASSERT(offsetof(fastpar_file_stats, frames) == 24);
ASSERT(offsetof(fastpar_file_stats, seconds) == 32);
ASSERT(offsetof(fastpar_file_stats, peak_memory) == 40);

ASSERT(sizeof(fastpar_piece) == 40);
ASSERT(offsetof(fastpar_piece, index) == 0);
ASSERT(offsetof(fastpar_piece, offset) == 8);
ASSERT(offsetof(fastpar_piece, data) == 16);
ASSERT(offsetof(fastpar_piece, size) == 24);
ASSERT(offsetof(fastpar_piece, lane) == 32);
ASSERT(offsetof(fastpar_piece, lanes) == 36);

ASSERT(sizeof(fastpar_scan_options) == 88);
ASSERT(offsetof(fastpar_scan_options, struct_size) == 0);
ASSERT(offsetof(fastpar_scan_options, record_size) == 8);
ASSERT(offsetof(fastpar_scan_options, piece_size) == 16);
ASSERT(offsetof(fastpar_scan_options, flags) == 24);
ASSERT(offsetof(fastpar_scan_options, max_lanes) == 28);
ASSERT(offsetof(fastpar_scan_options, offset) == 32);
ASSERT(offsetof(fastpar_scan_options, size) == 40);
ASSERT(offsetof(fastpar_scan_options, max_memory) == 48);
ASSERT(offsetof(fastpar_scan_options, cancel) == 56);
ASSERT(offsetof(fastpar_scan_options, progress) == 64);
ASSERT(offsetof(fastpar_scan_options, progress_data) == 72);
ASSERT(offsetof(fastpar_scan_options, name) == 80);

ASSERT(sizeof(fastpar_field) == 16);
ASSERT(offsetof(fastpar_field, offset) == 0);
ASSERT(offsetof(fastpar_field, type) == 8);
ASSERT(offsetof(fastpar_field, flags) == 12);

ASSERT(sizeof(fastpar_condition) == 32);
ASSERT(offsetof(fastpar_condition, comparison) == 0);
ASSERT(offsetof(fastpar_condition, combine) == 4);
ASSERT(offsetof(fastpar_condition, field) == 8);
ASSERT(offsetof(fastpar_condition, low) == 16);
ASSERT(offsetof(fastpar_condition, high) == 24);

ASSERT(sizeof(fastpar_table) == 40);
ASSERT(offsetof(fastpar_table, struct_size) == 0);
ASSERT(offsetof(fastpar_table, fields) == 8);
ASSERT(offsetof(fastpar_table, fields_count) == 16);
ASSERT(offsetof(fastpar_table, conditions) == 24);
ASSERT(offsetof(fastpar_table, conditions_count) == 32);

ASSERT(sizeof(fastpar_shard) == 40);
ASSERT(offsetof(fastpar_shard, struct_size) == 0);
ASSERT(offsetof(fastpar_shard, offset) == 8);
ASSERT(offsetof(fastpar_shard, size) == 16);
ASSERT(offsetof(fastpar_shard, first_frame) == 24);
ASSERT(offsetof(fastpar_shard, frames) == 32);

#endif

int main(void) { return 0; }
