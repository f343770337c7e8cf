/*
 * fastpar for C++: one global thread pool, chunked parallel loops, and parallel zstd.
 *
 * A header-only wrapper over fastpar.h for C++17 and later; programs link the same library as from C. Usage.
 * This program fills an array in parallel, adds it up and tells why, should something fail:
 *
 *     #include <fastpar.hpp>
 *     #include <cstdint>
 *     #include <cstdio>
 *     #include <functional>
 *     #include <vector>
 *
 *     int main() try {
 *       std::vector<std::uint32_t> values(10'000'000);
 *       fastpar::parallel_for(std::size_t{0}, values.size(), [&](std::size_t i) {
 *         values[i] = static_cast<std::uint32_t>(i / 1000);
 *       });
 *       auto add = [&](fastpar::chunk c, std::uint64_t &sum) {
 *         for (std::uint32_t value : c.of(values)) sum += value;
 *       };
 *       auto total = fastpar::reduce(values.size(), std::uint64_t{0}, add, std::plus<>());
 *       std::printf("%llu\n", static_cast<unsigned long long>(total));
 *     } catch (const fastpar::error &e) {
 *       std::fprintf(stderr, "%s: %s\n", fastpar::status_name(e.status()), e.what());
 *       return 1;
 *     }
 *
 * The rules, stated once; those of fastpar.h hold here too:
 *
 * Names. A function of fastpar.h has its name here, without the prefix. `fastpar_for` is `for_each_chunk`, as
 * `for` is a word of the language, and `fastpar_archive_for` is `scan`.
 *
 * Failures. Whatever fails throws fastpar::error, a std::system_error whose code compares with
 * fastpar::status and with std::errc. Only a timeout, which is not a failure, is a return value.
 *
 * Exceptions of a body. A body may throw. The exception is caught on the thread where it was thrown, no new
 * chunk starts, and once the chunks in flight are done the caller's thread gets it again, the same object: of
 * several, that of the chunk with the lowest index; in a team the first in time. Functions that are called
 * when a thread starts or ends must not throw (std::terminate).
 *
 * Bodies. Any callable that returns void: lambdas with captures, function objects, pointers to functions or
 * members. A blocking call neither copies nor moves it and allocates nothing; several threads call the same
 * object at the same time. What outlives the call (jobs, hooks) is moved in, so move-only captures are
 * welcome.
 *
 * Options. Structs whose members all have defaults, for `options.segments = 96` as for `{.segments = 96}`
 * (C++20).
 *
 * Cancelling. `options.cancel` points to a fastpar::cancel_flag; where the standard has std::stop_token,
 * `options.stop` takes one. Both together are allowed: the stop request then sets the flag.
 *
 * Standards. What looks different under another standard (options, views) lives in an inline namespace or is
 * another type, so translation units of C++17 and C++20 can be linked together. Errors, jobs, queues, flags
 * are the same for all.
 */
#ifndef FASTPAR_HPP
#define FASTPAR_HPP

#include "fastpar/archive_tables.hpp"
#include "fastpar/archives.hpp"
#include "fastpar/batches.hpp"
#include "fastpar/callbacks.hpp"
#include "fastpar/codec.hpp"
#include "fastpar/dicts.hpp"
#include "fastpar/error.hpp"
#include "fastpar/files.hpp"
#include "fastpar/groups.hpp"
#include "fastpar/jobs.hpp"
#include "fastpar/library.hpp"
#include "fastpar/loops.hpp"
#include "fastpar/map.hpp"
#include "fastpar/pipelines.hpp"
#include "fastpar/plan.hpp"
#include "fastpar/pool.hpp"
#include "fastpar/prefix.hpp"
#include "fastpar/prefix_sums.hpp"
#include "fastpar/reduce.hpp"
#include "fastpar/scans.hpp"
#include "fastpar/shards.hpp"
#include "fastpar/shared.hpp"
#include "fastpar/sorting.hpp"
#include "fastpar/streambufs.hpp"
#include "fastpar/streams.hpp"
#include "fastpar/table_parts.hpp"
#include "fastpar/tables.hpp"
#include "fastpar/teams.hpp"
#include "fastpar/tiles.hpp"
#include "fastpar/trace.hpp"
#include "fastpar/view.hpp"

#endif
