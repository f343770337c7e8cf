/* Counts the words of a text in parallel, and compresses it in parallel.
 *
 *     words FILE [OUTPUT.zst]
 *
 * Build it, after `cargo xtask build`, in the repository's root:
 *
 *     c++ -std=c++17 -O2 examples/cpp/words.cpp -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *         -Wl,-rpath,$PWD/target/fastpar/lib -o words
 */
#include <fastpar.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using histogram = std::unordered_map<std::string_view, std::size_t>;

constexpr std::size_t longest_word = 1000;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* A file of one very long word is not a text: the exception comes out of the parallel call that found it. */
struct not_a_text : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string read_file(const char *path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::system_error(errno, std::generic_category(), path);
  std::string text;
  file.seekg(0, std::ios::end);
  text.resize(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())))
    throw std::runtime_error("cannot read " + std::string(path));
  return text;
}

void write_file(const char *path, fastpar::bytes data) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(data.data()), static_cast<std::streamsize>(data.size()));
  if (!file.flush()) throw std::system_error(errno, std::generic_category(), path);
}

/* Counts the words that begin in a chunk; the last one may end behind it. */
void count_words(std::string_view text, const fastpar::chunk &chunk, histogram &counts) {
  std::size_t at = chunk.begin;
  // A word that began before belongs to an earlier chunk.
  if (at > 0 && is_letter(text[at - 1]))
    while (at < chunk.end && is_letter(text[at])) at++;
  while (at < chunk.end) {
    const std::size_t begin = at;
    while (at < text.size() && is_letter(text[at])) at++;
    if (at == begin) {
      at++;
      continue;
    }
    if (at - begin > longest_word)
      throw not_a_text("a word of more than a thousand letters at byte " + std::to_string(begin));
    counts[text.substr(begin, at - begin)]++;
  }
}

void run(const char *input, const char *output) {
  const std::string text = read_file(input);

  // Every letter of a copy to lower case.
  std::string lower = text;
  fastpar::parallel_for(lower.begin(), lower.end(), [](char &c) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  });

  // A histogram for every chunk, merged in their order.
  const histogram counts = fastpar::reduce(
      lower.size(), histogram(),
      [&](const fastpar::chunk &chunk, histogram &part) { count_words(lower, chunk, part); },
      [](histogram &into, const histogram &part) {
        for (const auto &[word, count] : part) into[word] += count;
      });

  std::vector<std::pair<std::string_view, std::size_t>> words(counts.begin(), counts.end());
  const auto top = words.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(words.size(), 5));
  std::partial_sort(words.begin(), top, words.end(), [](const auto &a, const auto &b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::size_t total = 0;
  for (const auto &word : words) total += word.second;
  std::printf("%zu bytes, %zu words, %zu different ones\n", text.size(), total, words.size());
  for (auto word = words.begin(); word != top; ++word)
    std::printf("%10zu %.*s\n", word->second, static_cast<int>(word->first.size()), word->first.data());

  const auto compressed = fastpar::compress(fastpar::as_bytes(text));
  const auto restored = fastpar::decompress(compressed);
  const auto original = fastpar::as_bytes(text);
  if (!std::equal(restored.begin(), restored.end(), original.begin(), original.end()))
    throw std::runtime_error("the decompressed text differs");
  std::printf("compressed to %zu bytes\n", compressed.size());
  if (output) write_file(output, compressed);
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s FILE [OUTPUT.zst]\n", argv[0]);
    return 2;
  }
  try {
    run(argv[1], argc == 3 ? argv[2] : nullptr);
    return 0;
  } catch (const not_a_text &e) {
    std::fprintf(stderr, "%s: not a text: %s\n", argv[1], e.what());
  } catch (const fastpar::error &e) {
    std::fprintf(stderr, "%s: %s\n", fastpar::status_name(e.status()), e.what());
  } catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  return 1;
}
