/* Dictionaries: what small inputs have in common. Part of fastpar.hpp. */
#ifndef FASTPAR_DICTS_HPP
#define FASTPAR_DICTS_HPP

#include "error.hpp"
#include "view.hpp"

#include <utility>

namespace fastpar {

/**
 * A dictionary, ready for any number of calls at a time: `options.dict = &dictionary`.
 *
 * Movable. Calls under way and streams that were opened with it keep the parts that they need.
 */
class dict {
 public:
  /** No dictionary. */
  dict() noexcept = default;

  /**
   * Prepares a dictionary.
   *
   * @param data   made by `dict_train` or `zstd --train`; any other bytes are raw content that inputs are
   *               likely to repeat, the likeliest at the end. Copied.
   * @param level  the level to compress at, as in the options; 0: 3. Calls with another level work too; the
   *               first of them is slower.
   * @throws error: dictionary (it is damaged), invalid_argument, out_of_memory.
   *
   * Blocks for a few milliseconds. May be called from any thread.
   */
  explicit dict(bytes data, std::int32_t level = 0) {
    fastpar_error failure;
    detail::check(fastpar_dict_open(data.data(), data.size(), level, &raw_, &failure), failure);
  }
  dict(dict &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  dict &operator=(dict &&other) noexcept {
    fastpar_dict_free(std::exchange(raw_, std::exchange(other.raw_, nullptr)));
    return *this;
  }
  ~dict() { fastpar_dict_free(raw_); }

  /** Tells the number by which frames name it; 0: it is raw content. Throws error: invalid_argument (there
   * is none). */
  [[nodiscard]] std::uint32_t id() const {
    std::uint32_t id = 0;
    fastpar_error failure;
    detail::check(fastpar_dict_id(raw_, &id, &failure), failure);
    return id;
  }

  /** The dictionary as C knows it. */
  [[nodiscard]] const fastpar_dict *raw() const noexcept { return raw_; }

 private:
  fastpar_dict *raw_ = nullptr;
};

/** The size of a dictionary that is usual. */
inline constexpr std::size_t dict_capacity = 112640;

/**
 * Makes a dictionary from samples of the data to be compressed; it pays for inputs of up to some 100 KB that
 * resemble each other.
 *
 * @param samples       the samples, one after the other; about 100 times as many bytes as the dictionary
 *                      shall have
 * @param sample_sizes  bytes of each
 * @param dict          where it goes; 112,640 bytes are usual
 * @return the bytes written.
 * @throws error: buffer_too_small (less than 256 bytes), invalid_argument (also samples from which nothing
 *         can be learned), out_of_memory.
 *
 * Works on the calling thread only, about a second for 10 MB of samples. May be called from any thread.
 */
inline std::size_t dict_train(bytes samples, span<const std::size_t> sample_sizes, writable_bytes dict) {
  std::size_t sum = 0;
  for (std::size_t size : sample_sizes) {
    if (size > samples.size() - sum) throw error(status::invalid_argument, "the samples are shorter than their sizes say");
    sum += size;
  }
  std::size_t written = 0;
  fastpar_error failure;
  const fastpar_status result = fastpar_dict_train(samples.data(), sample_sizes.data(), sample_sizes.size(), dict.data(),
                                                   dict.size(), &written, &failure);
  if (result == FASTPAR_ERR_BUFFER_TOO_SMALL) throw error(failure, written);
  detail::check(result, failure);
  return written;
}

/** The same, into a buffer of its own. Throws also std::bad_alloc. */
[[nodiscard]] inline buffer<std::byte> dict_train(bytes samples, span<const std::size_t> sample_sizes,
                                                  std::size_t capacity = dict_capacity) {
  buffer<std::byte> dict(capacity);
  dict.resize(dict_train(samples, sample_sizes, writable_bytes(dict.data(), dict.size())));
  return dict;
}

} // namespace fastpar

#endif
