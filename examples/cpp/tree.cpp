/* How many files and folders a tree has, and how many bytes: by a group of tasks, one for each folder, and by
 * std::filesystem's iterator on one thread. Prints both times; the results must be the same.
 *
 *     tree FOLDER
 *
 * Build it, after `cargo xtask build`, in the repository's root:
 *
 *     c++ -std=c++20 -O2 examples/cpp/tree.cpp -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *         -Wl,-rpath,$PWD/target/fastpar/lib -o tree
 */
#include <fastpar.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace {

namespace fs = std::filesystem;

/* A cache line: the next one is another thread's. */
struct alignas(64) totals {
  std::uintmax_t files = 0, folders = 0, bytes = 0;

  void add(const fs::directory_entry &file, fs::file_type type) {
    files++;
    if (type == fs::file_type::regular) bytes += file.file_size();
  }
  bool operator==(const totals &) const = default;
};

/* ---- by the library ---- */

void walk(const fs::path &folder, std::vector<totals> &lanes, fastpar::task_group &group) {
  totals &sum = lanes[group.lane()];
  sum.folders++;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder)) {
    const fs::file_type type = entry.symlink_status().type();
    if (type == fs::file_type::directory)
      group.run([path = entry.path(), &lanes](fastpar::task_group &inner) { walk(path, lanes, inner); });
    else
      sum.add(entry, type);
  }
}

totals by_library(const fs::path &folder) {
  std::vector<totals> lanes(fastpar::pool_threads());
  fastpar::group_run([&](fastpar::task_group &group) { walk(folder, lanes, group); });
  totals sum;
  for (const totals &lane : lanes) {
    sum.files += lane.files;
    sum.folders += lane.folders;
    sum.bytes += lane.bytes;
  }
  return sum;
}

/* ---- by an iterator ---- */

totals by_iterator(const fs::path &folder) {
  totals sum;
  sum.folders = 1;
  for (const fs::directory_entry &entry : fs::recursive_directory_iterator(folder)) {
    const fs::file_type type = entry.symlink_status().type();
    if (type == fs::file_type::directory)
      sum.folders++;
    else
      sum.add(entry, type);
  }
  return sum;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: tree FOLDER\n");
    return 2;
  }
  try {
    using clock = std::chrono::steady_clock;
    const auto begin = clock::now();
    const totals sum = by_library(argv[1]);
    const auto middle = clock::now();
    if (sum != by_iterator(argv[1])) throw std::runtime_error("the results differ");
    const std::chrono::duration<double> first = middle - begin, second = clock::now() - middle;
    std::printf("%ju files, %ju folders, %ju bytes; by the library: %.3f s; by an iterator: %.3f s\n", sum.files, sum.folders,
                sum.bytes, first.count(), second.count());
    return 0;
  } catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
