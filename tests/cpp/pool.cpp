/* The pool: options, hooks, statistics, shutdown. */
#include "check.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

void options_and_shutdown() {
  CHECK_EQUAL(fastpar::pool_threads(), 24u);
  CHECK_EQUAL(fastpar::pool_worker(), -1);
  fastpar::pool_options options;
  options.threads = 3;
  options.thread_name = "cpp";
  options.stack_size = 1 << 20;
  fastpar::pool_start(options);
  fastpar::pool_start(options);
  CHECK_EQUAL(fastpar::pool_threads(), 3u);
  options.threads = 4;
  CHECK_STATUS(already_started, fastpar::pool_start(options));
  CHECK_STATUS(busy, fastpar::for_each_chunk(1, [](fastpar::chunk) { fastpar::pool_shutdown(); }));
  fastpar::pool_shutdown();
  fastpar::pool_shutdown();
  options.threads = 5000;
  CHECK_STATUS(invalid_argument, fastpar::pool_start(options));
  options.threads = fastpar::threads_auto;
  fastpar::pool_start(options);
  CHECK(fastpar::pool_threads() >= 1);
  fastpar::pool_shutdown();
}

void statistics() {
  fastpar::pool_shutdown();
  CHECK_EQUAL(fastpar::pool_stats_read().threads, 0u);
  for (int i = 0; i < 10; i++) fastpar::for_each_chunk(24, [](fastpar::chunk) {});
  const fastpar::pool_stats stats = fastpar::pool_stats_read();
  CHECK_EQUAL(stats.threads, 24u);
  CHECK_EQUAL(stats.jobs, std::uint64_t{10});
  CHECK_EQUAL(stats.chunks, std::uint64_t{240});
  CHECK(stats.callback_ns > 0);
  const std::vector<char> text(100'000, 'x');
  const std::size_t packed = fastpar::compress(fastpar::as_bytes(text)).size();
  const fastpar::pool_stats codec = fastpar::pool_stats_read();
  CHECK_EQUAL(codec.bytes_in, std::uint64_t{text.size()});
  CHECK_EQUAL(codec.bytes_out, std::uint64_t{packed});
  CHECK_EQUAL(codec.contexts_made + codec.contexts_reused, std::uint64_t{1});
  CHECK(codec.codec_ns > 0 && codec.busy_ns >= stats.busy_ns && codec.waiting_ns >= stats.waiting_ns);
  CHECK(codec.late_helpers >= stats.late_helpers);
}

void timeline() {
  const std::filesystem::path path = "pool.trace++";
  std::filesystem::remove(path);
  fastpar::trace_options options;
  options.categories = fastpar::trace_user + fastpar::trace_loops + fastpar::trace_tasks + fastpar::trace_codec;
  fastpar::trace_start(path, options);
  CHECK_STATUS(already_started, fastpar::trace_start(path));
  {
    const fastpar::trace_span outer("outer");
    const fastpar::trace_span inner(std::string("inner"));
    fastpar::trace_begin("plain");
    fastpar::trace_end();
    fastpar::for_each_chunk(10, [](fastpar::chunk) {});
    fastpar::loop_options named;
    named.name = "count";
    fastpar::for_each_chunk(10, [](fastpar::chunk) {}, named);
    fastpar::group_options of_group;
    of_group.name = "a group";
    fastpar::group_run([](fastpar::task_group &) {}, of_group);
    fastpar::pipeline_options of_pipeline;
    of_pipeline.name = "a pipeline";
    fastpar::pipeline([] { return std::optional<int>(); }, [](int item) { return item; }, [](int) {}, of_pipeline);
    fastpar::team_options of_team;
    of_team.members = 1;
    of_team.name = "a team";
    fastpar::team_run_with(of_team, [](fastpar::team &) {});
    const std::vector<int> numbers(1000);
    const auto packed = fastpar::compress(fastpar::as_bytes(numbers));
    const fastpar::archive archive(packed);
    fastpar::scan_options of_scan;
    of_scan.name = "a scan";
    fastpar::scan(archive, [](fastpar::span<const int>) {}, of_scan);
  }
  fastpar::trace_stop();
  CHECK_STATUS(io, fastpar::trace_start(path));
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  file.close();
  for (const char *name : {"\"outer\"", "\"inner\"", "\"plain\"", "\"loop\"", "\"count\"", "\"a group\"", "\"a pipeline\"",
                           "\"a team\"", "\"a scan\""}) CHECK(text.find(name) != text.npos);
  CHECK(text.find("\"cat\":\"chunks\"") == text.npos);
  std::filesystem::remove(path);
  options.categories = 64;
  CHECK_STATUS(invalid_argument, fastpar::trace_start(path, options));
}

std::atomic<int> plain_starts{0};
void plain_start(std::uint32_t) { plain_starts++; }

void hooks() {
  auto started = std::make_shared<std::atomic<int>>(0);
  auto ended = std::make_unique<std::atomic<int>>(0);
  auto *ended_view = ended.get();
  fastpar::pool_start();
  const int threads = static_cast<int>(fastpar::pool_threads());
  fastpar::pool_hook([started](std::uint32_t worker) {
    CHECK_EQUAL(fastpar::pool_worker(), static_cast<std::int32_t>(worker));
    ++*started;
  }, [ended = std::move(ended)](std::uint32_t) { ++*ended; });
  CHECK_EQUAL(started->load(), threads);
  fastpar::pool_hook(plain_start);
  CHECK_EQUAL(plain_starts.load(), threads);
  fastpar::pool_hook(nullptr, [](std::uint32_t) {});
  CHECK_EQUAL(ended_view->load(), 0);
  fastpar::pool_shutdown();
  CHECK_EQUAL(ended_view->load(), threads);
  fastpar::pool_start();
  for (int i = 0; i < 100'000 && *started < 2 * threads; i++) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK_EQUAL(started->load(), 2 * threads);
  CHECK_STATUS(invalid_argument, fastpar::pool_hook(nullptr, nullptr));
  CHECK_STATUS(busy, fastpar::for_each_chunk(1, [](fastpar::chunk) { fastpar::pool_hook([](std::uint32_t) {}); }));
}

void taken_back_and_in_time() {
  auto count = std::make_shared<std::atomic<int>>(0);
  fastpar::pool_start();
  const int threads = static_cast<int>(fastpar::pool_threads());
  const fastpar::pool_hooks hooks = fastpar::pool_hook([count](std::uint32_t) { ++*count; });
  CHECK_EQUAL(count->load(), threads);
  CHECK_EQUAL(count.use_count(), 2L);
  CHECK_STATUS(busy, fastpar::for_each_chunk(1, [&](fastpar::chunk) { fastpar::pool_unhook(hooks); }));
  fastpar::pool_unhook(hooks);
  CHECK_EQUAL(count.use_count(), 1L);
  std::atomic<bool> begun{false}, may_end{false};
  std::thread caller([&] {
    fastpar::for_each_chunk(1, [&](fastpar::chunk) {
      begun = true;
      while (!may_end) std::this_thread::yield();
    });
  });
  while (!begun) std::this_thread::yield();
  CHECK(!fastpar::pool_shutdown_within(std::chrono::milliseconds(5)));
  may_end = true;
  CHECK(fastpar::pool_shutdown_within(std::chrono::minutes(5)));
  caller.join();
  fastpar::pool_start();
  fastpar::pool_shutdown();
  CHECK_EQUAL(count->load(), threads);
}

void limits() {
  CHECK(fastpar::cpus() >= 1);
  fastpar::pool_limit(1);
  CHECK_EQUAL(fastpar::pool_limit_get(), 1u);
  const auto caller = std::this_thread::get_id();
  fastpar::for_each_chunk(100, [&](fastpar::chunk) { CHECK(std::this_thread::get_id() == caller); });
  fastpar::pool_limit(0);
  CHECK_EQUAL(fastpar::pool_limit_get(), 0u);
  fastpar::pool_options options;
  options.partial = true;
  fastpar::pool_shutdown();
  fastpar::pool_start(options);
  CHECK_EQUAL(fastpar::pool_stats_read().threads, fastpar::pool_threads());
}

void asking() {
  fastpar::cancel_flag flag;
  fastpar::loop_options options;
  options.cancel = &flag;
  std::atomic<int> told{0};
  CHECK(!fastpar::is_cancelled());
  CHECK_STATUS(cancelled, fastpar::for_each_chunk(100, [&](fastpar::chunk) {
    flag.cancel();
    if (fastpar::is_cancelled()) told++;
  }, options));
  CHECK(told > 0);
  // A callback of C in a program of C++.
  const auto body = [](void *, const fastpar_chunk *) -> std::int32_t {
    fastpar::fail(fastpar::error(fastpar::status::corrupt, "row 7"));
    return 1;
  };
  fastpar_error failure;
  CHECK_EQUAL(fastpar_for(nullptr, 1, body, nullptr, &failure), FASTPAR_ERR_CORRUPT);
  CHECK_EQUAL(std::string(failure.message), std::string("row 7"));
}

} // namespace

int main() {
  RUN(options_and_shutdown);
  RUN(statistics);
  RUN(timeline);
  RUN(hooks);
  RUN(taken_back_and_in_time);
  RUN(limits);
  RUN(asking);
  return FINISH();
}
