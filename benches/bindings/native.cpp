/*
 * Callbacks, loops and whole calls from C and from C++, each beside the language's own ways.
 *
 *     native FILE ROUNDS
 *
 * FILE is what is compressed. The ways take turns, so that whatever else the machine does meets all of them.
 * Printed is one line of JSON: for every way the median of its times, and of the wrapper's calls the median
 * over the rounds of how they compare with the C function in the same round ("again": the C function a second
 * time, which is the noise).
 */
#include <fastpar.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <execution>
#include <fstream>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t callbacks = 100'000;
constexpr std::size_t chunks = 24;
constexpr std::size_t steps = 3'000'000; // about 6 ms

// ---- taking turns ----

struct way {
  std::function<void()> run;
  int repeat; // calls in a turn
  std::vector<double> nanoseconds = {};
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double ratio(const way &some, const way &base) {
  std::vector<double> ratios = some.nanoseconds;
  for (std::size_t i = 0; i < ratios.size(); i++) ratios[i] /= base.nanoseconds[i];
  return median(std::move(ratios));
}

void take_turns(std::vector<way> &ways, int rounds) {
  using clock = std::chrono::steady_clock;
  for (int round = -1; round < rounds; round++) { // the first one warms up
    for (std::size_t i = 0; i < ways.size(); i++) {
      // Another one goes first each time.
      way &each = ways[(i + static_cast<std::size_t>(round + 1)) % ways.size()];
      const auto start = clock::now();
      for (int call = 0; call < each.repeat; call++) each.run();
      const std::chrono::duration<double, std::nano> time = clock::now() - start;
      if (round >= 0) each.nanoseconds.push_back(time.count() / each.repeat);
    }
  }
}

// ---- what the loops do ----

void touch() { __asm__ volatile(""); }

/* A chain of dependent steps. */
void spin(std::size_t count) {
  std::uint64_t x = count;
  while (count-- > 0) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    __asm__ volatile("" : "+r"(x));
  }
}

void empty_call(void *, std::size_t) { touch(); }
void (*volatile called)(void *, std::size_t) = empty_call; // the compiler cannot know what it points to

std::int32_t empty_chunk(void *, const fastpar_chunk *) {
  touch();
  return 0;
}

std::int32_t spin_chunk(void *, const fastpar_chunk *) {
  spin(steps / chunks);
  return 0;
}

void check(fastpar_status status, const fastpar_error &error) {
  if (status == FASTPAR_OK) return;
  std::fprintf(stderr, "%s\n", error.message);
  std::exit(1);
}

void c_loop(std::size_t items, fastpar_chunk_fn body, const fastpar_loop_options *options = nullptr) {
  fastpar_error error;
  check(fastpar_for(options, items, body, nullptr, &error), error);
}

/* A thread per processor, each with its share of the chunks. */
template <typename Body> void threads(const Body &body) {
  const std::size_t count = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> started;
  for (std::size_t at = 0; at < count; at++) {
    started.emplace_back([=] {
      for (std::size_t chunk = at * chunks / count; chunk < (at + 1) * chunks / count; chunk++) body();
    });
  }
  for (std::thread &each : started) each.join();
}

template <typename Policy, typename Body> void for_each(Policy &&policy, const std::vector<int> &range, const Body &body) {
  std::for_each(std::forward<Policy>(policy), range.begin(), range.end(), [&](int) { body(); });
}

// ---- what is measured ----

const char *separator = "{\"rows\": [";

void print(const char *language, const char *name, const way *callback, const way &loop, const way &work, const way &serial) {
  std::printf("%s{\"language\": \"%s\", \"way\": \"%s\", ", separator, language, name);
  if (callback) std::printf("\"callback_ns\": %.2f, ", median(callback->nanoseconds) / callbacks);
  std::printf("\"loop_ns\": %.1f, \"speed_up\": %.3f}", median(loop.nanoseconds), 1 / ratio(work, serial));
  separator = ", ";
}

void loops(int rounds) {
  fastpar_loop_options one = {};
  one.struct_size = sizeof one;
  one.schedule = FASTPAR_SCHEDULE_GRAIN;
  one.grain = one.max_lanes = 1;
  fastpar::loop_options one_too;
  one_too.schedule = fastpar::schedule::grain;
  one_too.grain = one_too.max_lanes = 1;
  const std::vector<int> many(callbacks), few(chunks);
  const auto spin_one = [] { spin(steps / chunks); };

  std::vector<way> callback = {
      {[&] { c_loop(callbacks, empty_chunk, &one); }, 1},
      {[] { for (std::size_t i = 0; i < callbacks; i++) called(nullptr, i); }, 1},
      {[&] { fastpar::for_each_chunk(callbacks, [](const fastpar::chunk &) { touch(); }, one_too); }, 1},
      {[&] { for_each(std::execution::seq, many, touch); }, 1}};
  take_turns(callback, rounds);

  std::vector<way> loop = {{[] { c_loop(chunks, empty_chunk); }, 500},
                           {[] { for (std::size_t i = 0; i < chunks; i++) called(nullptr, i); }, 500},
                           {[] { fastpar::for_each_chunk(chunks, [](const fastpar::chunk &) { touch(); }); }, 500},
                           {[&] { for_each(std::execution::par, few, touch); }, 500},
                           {[] { threads(touch); }, 2}};
  take_turns(loop, rounds);

  std::vector<way> work = {{[] { spin(steps); }, 1},
                           {[] { c_loop(chunks, spin_chunk); }, 1},
                           {[] { for (std::size_t i = 0; i < chunks; i++) spin(steps / chunks); }, 1},
                           {[&] { fastpar::for_each_chunk(chunks, [&](const fastpar::chunk &) { spin_one(); }); }, 1},
                           {[&] { for_each(std::execution::par, few, spin_one); }, 1},
                           {[&] { threads(spin_one); }, 1}};
  take_turns(work, rounds);

  print("C", "fastpar_for", &callback[0], loop[0], work[1], work[0]);
  print("C", "a loop, calling through a pointer", &callback[1], loop[1], work[2], work[0]);
  print("C++", "for_each_chunk", &callback[2], loop[2], work[3], work[0]);
  print("C++", "std::for_each; with std::execution::par, by oneTBB", &callback[3], loop[3], work[4], work[0]);
  print("C++", "a std::thread per CPU", nullptr, loop[4], work[5], work[0]);
  std::printf("], \"loop_ratio\": %.4f, ", ratio(loop[2], loop[0]));
}

void print_call(const char *call, std::size_t size, const way *ways) { // C, C again, C++
  std::printf("%s{\"language\": \"C++\", \"call\": \"%s\", \"bytes\": %zu, \"c_ns\": %.0f, \"ratio\": %.4f, \"again\": %.4f}",
              separator, call, size, median(ways[0].nanoseconds), ratio(ways[2], ways[0]), ratio(ways[1], ways[0]));
  separator = ", ";
}

constexpr std::size_t row_size = 48, piece_size = 64 << 10;

std::int32_t first_byte(void *, const fastpar_piece *piece) {
  __asm__ volatile("" ::"r"(*static_cast<const unsigned char *>(piece->data)));
  return 0;
}

/* Rows in frames, by pieces of 64 KiB. */
void scan(fastpar::bytes rows, int rounds) {
  struct record {
    unsigned char bytes[row_size];
  };
  const auto frames = fastpar::compress(rows);
  const fastpar::archive archive(fastpar::as_bytes(frames));
  fastpar_archive *handle;
  fastpar_error error;
  check(fastpar_archive_open(nullptr, frames.data(), frames.size(), &handle, &error), error);
  fastpar_scan_options options = {};
  options.struct_size = sizeof options;
  options.record_size = row_size;
  options.piece_size = piece_size;
  fastpar::scan_options same;
  same.piece_size = piece_size;
  const auto c_scan = [&] { check(fastpar_archive_for(&options, handle, first_byte, nullptr, &error), error); };
  const auto first = [](fastpar::span<const record> records) { __asm__ volatile("" ::"r"(records[0].bytes[0])); };
  std::vector<way> ways = {{c_scan, 1}, {c_scan, 1}, {[&] { fastpar::scan(archive, first, same); }, 1}};
  take_turns(ways, rounds);
  fastpar_archive_free(handle);
  print_call("scan", rows.size(), ways.data());
}

void calls(const char *path, int rounds) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> data(16'000'000);
  file.read(data.data(), static_cast<std::streamsize>(data.size()));
  data.resize(static_cast<std::size_t>(file.gcount()));
  separator = "\"calls\": [";
  for (std::size_t size : {1'000u, 100'000u, 1'000'000u, 16'000'000u}) {
    if (size > data.size()) break;
    std::vector<std::byte> packed(fastpar::compress_bound(size)), back(size);
    fastpar_error error;
    std::size_t written = 0;
    const auto c_compress = [&] {
      check(fastpar_compress(nullptr, data.data(), size, packed.data(), packed.size(), &written, &error), error);
    };
    c_compress();
    const std::vector<std::byte> frames(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(written));
    const auto c_decompress = [&] {
      check(fastpar_decompress(nullptr, frames.data(), frames.size(), back.data(), size, &written, &error), error);
    };
    const fastpar::bytes source = fastpar::as_bytes(data).subspan(0, size);
    const int repeat = std::max(1, static_cast<int>(1'000'000 / size));
    std::vector<way> ways = {{c_compress, repeat},
                             {c_compress, repeat},
                             {[&] { fastpar::compress(source, fastpar::writable_bytes(packed.data(), packed.size())); }, repeat},
                             {c_decompress, repeat},
                             {c_decompress, repeat},
                             {[&] { fastpar::decompress(fastpar::as_bytes(frames), fastpar::writable_bytes(back.data(), size)); },
                              repeat}};
    take_turns(ways, size < 10'000'000 ? rounds : std::max(9, rounds / 4));
    if (!std::equal(back.begin(), back.end(), source.begin())) std::exit(1);
    print_call("compress", size, &ways[0]);
    print_call("decompress", size, &ways[3]);
  }
  scan(fastpar::as_bytes(data).subspan(0, data.size() / row_size * row_size), rounds);
  std::printf("]}\n");
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const int rounds = std::max(3, std::atoi(argv[2]));
  loops(rounds);
  calls(argv[1], rounds);
}
