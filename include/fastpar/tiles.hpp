/* Loops over two dimensions. Part of fastpar.hpp. */
#ifndef FASTPAR_TILES_HPP
#define FASTPAR_TILES_HPP

#include "loops.hpp"

namespace fastpar {

/** The cells of a table, in tiles: `rows` x `columns` of them, `tile_rows` x `tile_columns` in a tile. */
struct tiles {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t tile_rows = 64;
  std::size_t tile_columns = 64;
};

/** The rows `[row_begin, row_end)` and the columns `[column_begin, column_end)` of a table. */
struct tile {
  std::size_t row_begin, row_end;
  std::size_t column_begin, column_end;
};

/**
 * Calls a body for every tile of a table, in parallel: for work whose neighbours in both directions
 * share a cache.
 *
 * Equivalent to this serial loop, but for the threads and the order:
 *
 *     for (std::size_t r = 0; r < table.rows; r += table.tile_rows)
 *       for (std::size_t c = 0; c < table.columns; c += table.tile_columns)
 *         body(tile{r, std::min(r + table.tile_rows, table.rows),
 *                   c, std::min(c + table.tile_columns, table.columns)});
 *
 * @param table    tiles at the lower and right edges have what is left; 0 rows or columns: no call of
 *                 the body
 * @param body     callable with a `tile`, returns nothing; called by several threads at the same time
 * @param options  each chunk has one tile or more; a tile a chunk unless they say otherwise
 * @throws as for_each_chunk; error with invalid_argument: tiles without rows or columns, or more of
 *         them than SIZE_MAX.
 *
 * Blocks, threads and nesting: as for_each_chunk.
 */
template <class Body>
void for_each_tile(const tiles &table, Body &&body, const loop_options &options) {
  static_assert(std::is_void_v<std::invoke_result_t<Body &, tile>>, "a body returns nothing; to stop, it throws");
  if (table.tile_rows == 0 || table.tile_columns == 0)
    throw error(status::invalid_argument, "a tile has no rows or no columns");
  const auto parts = [](std::size_t all, std::size_t part) { return all / part + (all % part != 0); };
  const std::size_t down = parts(table.rows, table.tile_rows), across = parts(table.columns, table.tile_columns);
  if (across != 0 && down > SIZE_MAX / across)
    throw error(status::invalid_argument, "more tiles than a size can tell");
  const auto range = [](std::size_t index, std::size_t part, std::size_t all) {
    const std::size_t begin = index * part;
    return std::pair(begin, all - begin < part ? all : begin + part);
  };
  for_each_chunk(down * across, [&](const chunk &c) {
    for (std::size_t i = c.begin; i < c.end; i++) {
      const auto [row_begin, row_end] = range(i / across, table.tile_rows, table.rows);
      const auto [column_begin, column_end] = range(i % across, table.tile_columns, table.columns);
      std::invoke(body, tile{row_begin, row_end, column_begin, column_end});
    }
  }, options);
}

/** The same, a tile a chunk. */
template <class Body>
void for_each_tile(const tiles &table, Body &&body) {
  loop_options options;
  options.schedule = schedule::grain;
  options.grain = 1;
  for_each_tile(table, std::forward<Body>(body), options);
}

} // namespace fastpar

#endif
