/* Exceptions that bodies throw, and the exception of fastpar itself. */
#include "check.hpp"

#include <chrono>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>

namespace {

struct move_shy {
  int number;
  explicit move_shy(int n) : number(n) {}
  move_shy(const move_shy &) = default;
};

void of_every_type() {
  CHECK_THROWS_WITH(int, fastpar::for_each_chunk(100, [](fastpar::chunk) { throw 42; }), CHECK_EQUAL(e, 42));
  CHECK_THROWS_WITH(std::runtime_error, fastpar::parallel_for(0, 100, [](int i) {
    if (i == 50) throw std::runtime_error("fifty");
  }),
               CHECK_EQUAL(e.what(), std::string("fifty")));
  CHECK_THROWS_WITH(move_shy, fastpar::for_each_chunk(1, [](fastpar::chunk) { throw move_shy(7); }), CHECK_EQUAL(e.number, 7));
  CHECK_THROWS(std::bad_alloc, fastpar::for_each_chunk(1, [](fastpar::chunk) { throw std::bad_alloc(); }));
  CHECK_THROWS_WITH(std::string, fastpar::for_each_chunk(1, [](fastpar::chunk) { throw std::string("text"); }),
                    CHECK_EQUAL(e, "text"));
  // A failure of fastpar inside a body is an exception like any other.
  CHECK_STATUS(busy, fastpar::for_each_chunk(1, [](fastpar::chunk) { fastpar::pool_shutdown(); }));
}

void the_object_is_the_same() {
  const std::exception *thrown = nullptr;
  CHECK_THROWS_WITH(std::logic_error, fastpar::for_each_chunk(1, [&](fastpar::chunk) {
    try {
      throw std::logic_error("here");
    } catch (const std::exception &e) {
      thrown = &e;
      throw;
    }
  }), CHECK(&e == thrown));
}

void nothing_new_starts() {
  std::atomic<int> calls{0};
  fastpar::loop_options options;
  options.segments = 100000;
  CHECK_THROWS(int, fastpar::for_each_chunk(100000, [&](fastpar::chunk) { calls++; throw 1; }, options));
  CHECK(calls <= static_cast<int>(fastpar::pool_threads()));
}

/* All chunks throw at the same time: whoever is late, the lowest wins. */
void first_by_chunk_order() {
  for (int round = 0; round < 20; round++) {
    std::mutex mutex;
    std::size_t lowest = SIZE_MAX;
    CHECK_THROWS_WITH(std::size_t, fastpar::for_each_chunk(24, [&](fastpar::chunk c) {
      {
        const std::lock_guard<std::mutex> lock(mutex);
        lowest = std::min(lowest, c.index);
      }
      if (c.index % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2)); // the early ones throw late
      throw c.index;
    }), CHECK_EQUAL(e, lowest));
  }
}

void nested_loops() {
  CHECK_THROWS_WITH(std::runtime_error, fastpar::parallel_for(0, 10, [](int i) {
    fastpar::parallel_for(0, 10, [i](int j) {
      if (i == 3 && j == 7) throw std::runtime_error("inner");
    });
  }), CHECK_EQUAL(e.what(), std::string("inner")));
  // What the inner loop throws may be caught in the body.
  std::atomic<int> caught{0};
  fastpar::parallel_for(0, 10, [&](int) {
    try {
      fastpar::for_each_chunk(5, [](fastpar::chunk) { throw 1; });
    } catch (int) {
      caught++;
    }
  });
  CHECK_EQUAL(caught.load(), 10);
}

void with_cancel_and_progress() {
  fastpar::cancel_flag flag;
  fastpar::loop_options options;
  options.cancel = &flag;
  CHECK_THROWS_WITH(int, fastpar::for_each_chunk(24, [&](fastpar::chunk) { flag.cancel(); throw 5; }, options), CHECK_EQUAL(e, 5));
  options = {};
  options.progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("progress"); };
  CHECK_THROWS_WITH(std::runtime_error, fastpar::for_each_chunk(24, [](fastpar::chunk) {}, options),
               CHECK_EQUAL(e.what(), std::string("progress")));
}

void from_reductions() {
  CHECK_THROWS_WITH(int, static_cast<void>(fastpar::reduce(100, 0, [](fastpar::chunk, int &) { throw 3; }, std::plus<>())),
                    CHECK_EQUAL(e, 3));
  const auto fold = [](fastpar::chunk c, std::string &s) { s += std::to_string(c.index); };
  CHECK_THROWS_WITH(int, static_cast<void>(fastpar::reduce(100, std::string(), fold, [](std::string &, const std::string &) { throw 4; })),
                    CHECK_EQUAL(e, 4));
  CHECK_THROWS_WITH(int, static_cast<void>(fastpar::reduce(100, std::string(50, 'x'), [&](fastpar::chunk c, std::string &s) {
    if (c.index == 20) throw 5;
    fold(c, s);
  }, std::plus<>())), CHECK_EQUAL(e, 5));
}

void the_pool_stays_usable() {
  for (int i = 0; i < 1000; i++) CHECK_THROWS(int, fastpar::for_each_chunk(24, [](fastpar::chunk) { throw 1; }));
  std::atomic<int> calls{0};
  fastpar::for_each_chunk(24, [&](fastpar::chunk) { calls++; });
  CHECK_EQUAL(calls.load(), 24);
}

void errors_and_conditions() {
  fastpar::loop_options options;
  options.schedule = static_cast<fastpar::schedule>(99);
  CHECK_THROWS_WITH(std::system_error, fastpar::for_each_chunk(1, [](fastpar::chunk) {}, options), {
    CHECK(e.code() == fastpar::status::invalid_argument);
    CHECK(e.code() != fastpar::status::cancelled);
    CHECK(e.code() == std::errc::invalid_argument);
    CHECK(e.code() != std::errc::timed_out);
    CHECK_EQUAL(e.code().value(), FASTPAR_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(e.code().category().name(), std::string("fastpar"));
    CHECK(std::string(e.what()).find("99") != std::string::npos);
  });
  CHECK_THROWS_WITH(fastpar::error, fastpar::for_each_chunk(1, [](fastpar::chunk) {}, options), {
    CHECK(!e.position().has_value() && e.native_code() == 0 && !e.system_code());
    const fastpar::error copy = e;
    CHECK_EQUAL(copy.what(), std::string(e.what()));
  });
  using fastpar::status;
  const std::pair<status, std::errc> same[] = {
      {status::cancelled, std::errc::operation_canceled}, {status::timeout, std::errc::timed_out},
      {status::out_of_memory, std::errc::not_enough_memory}, {status::busy, std::errc::device_or_resource_busy},
      {status::unsupported, std::errc::not_supported}, {status::io, std::errc::io_error}};
  for (const auto &[ours, theirs] : same) CHECK(fastpar::error(ours, "").code() == theirs);
  const fastpar_error io = {FASTPAR_ERR_IO, static_cast<std::int32_t>(std::errc::no_such_file_or_directory), 7, "gone"};
  const fastpar::error error(io);
  CHECK(error.system_code() == std::errc::no_such_file_or_directory && error.position() == 7u);
  CHECK_EQUAL(fastpar::make_error_code(status::corrupt).message(), std::string(fastpar::status_message(status::corrupt)));
  CHECK_EQUAL(fastpar::status_name(status::not_zstd), std::string("FASTPAR_ERR_NOT_ZSTD"));
  // A category object of another shared library is the same category.
  const fastpar::detail::status_category other;
  CHECK(std::error_code(FASTPAR_ERR_CORRUPT, other) == status::corrupt);
}

} // namespace

int main() {
  RUN(of_every_type);
  RUN(the_object_is_the_same);
  RUN(nothing_new_starts);
  RUN(first_by_chunk_order);
  RUN(nested_loops);
  RUN(with_cancel_and_progress);
  RUN(from_reductions);
  RUN(the_pool_stays_usable);
  RUN(errors_and_conditions);
  return FINISH();
}
