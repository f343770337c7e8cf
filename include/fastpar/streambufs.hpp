/* The streams of <iostream>, compressed. Part of fastpar.hpp. */
#ifndef FASTPAR_STREAMBUFS_HPP
#define FASTPAR_STREAMBUFS_HPP

#include "streams.hpp"

#include <algorithm>
#include <istream>
#include <ostream>
#include <streambuf>

namespace fastpar {

/** A sink that writes to a std::ostream, which must outlive the writer; throws std::ios_base::failure if it
 * cannot. */
class ostream_sink {
 public:
  explicit ostream_sink(std::ostream &out) noexcept : out_(&out) {}

  void operator()(bytes data) const {
    if (!out_->write(reinterpret_cast<const char *>(data.data()), static_cast<std::streamsize>(data.size())))
      throw std::ios_base::failure("writing compressed data");
  }

 private:
  std::ostream *out_;
};

/** A source that reads from a std::istream, which must outlive the reader; throws std::ios_base::failure if
 * it cannot. */
class istream_source {
 public:
  explicit istream_source(std::istream &in) noexcept : in_(&in) {}

  std::size_t operator()(writable_bytes buffer) const {
    in_->read(reinterpret_cast<char *>(buffer.data()), static_cast<std::streamsize>(buffer.size()));
    if (in_->bad()) throw std::ios_base::failure("reading compressed data");
    return static_cast<std::size_t>(in_->gcount());
  }

 private:
  std::istream *in_;
};

/**
 * A stream buffer that compresses.
 *
 *     std::ofstream file("text.zst", std::ios::binary);
 *     fastpar::writer_streambuf compressed{fastpar::writer(fastpar::ostream_sink(file))};
 *     std::ostream out(&compressed);
 *     out.exceptions(std::ios::badbit);      // else failures only set the stream's badbit
 *     out << "text" << std::endl;            // std::flush ends no frame: get().flush() does
 *     compressed.finish();
 */
class writer_streambuf : public std::streambuf {
 public:
  explicit writer_streambuf(writer stream) : writer_(std::move(stream)), buffer_(size) { clear(); }

  /** The stream behind it. */
  [[nodiscard]] writer &get() noexcept { return writer_; }

  /** Ends the stream. Released without it, it drops what has not reached the sink. Throws as
   * writer::finish. */
  void finish() {
    pass_on();
    writer_.finish();
  }

 protected:
  int_type overflow(int_type character) override {
    pass_on();
    if (!traits_type::eq_int_type(character, traits_type::eof())) sputc(traits_type::to_char_type(character));
    return traits_type::not_eof(character);
  }

  std::streamsize xsputn(const char *text, std::streamsize count) override {
    if (count < epptr() - pptr()) {
      std::copy_n(text, count, pptr());
      pbump(static_cast<int>(count));
    } else {
      pass_on();
      writer_.write({reinterpret_cast<const std::byte *>(text), static_cast<std::size_t>(count)});
    }
    return count;
  }

  int sync() override {
    pass_on();
    return 0;
  }

 private:
  static constexpr std::size_t size = 65536;

  void clear() { setp(buffer_.data(), buffer_.data() + buffer_.size()); }

  void pass_on() {
    const bytes data(reinterpret_cast<const std::byte *>(pbase()), static_cast<std::size_t>(pptr() - pbase()));
    clear();
    if (!data.empty()) writer_.write(data);
  }

  writer writer_;
  buffer<char> buffer_;
};

/**
 * A stream buffer that decompresses.
 *
 *     std::ifstream file("text.zst", std::ios::binary);
 *     fastpar::reader_streambuf decompressed{fastpar::reader(fastpar::istream_source(file))};
 *     std::istream in(&decompressed);
 *     in.exceptions(std::ios::badbit);       // else failures only look like the end of the file
 *     for (std::string line; std::getline(in, line);) use(line);
 */
class reader_streambuf : public std::streambuf {
 public:
  explicit reader_streambuf(reader stream) : reader_(std::move(stream)), buffer_(size) {}

  /** The stream behind it. */
  [[nodiscard]] reader &get() noexcept { return reader_; }

 protected:
  int_type underflow() override {
    const std::size_t count = reader_.read({reinterpret_cast<std::byte *>(buffer_.data()), buffer_.size()});
    setg(buffer_.data(), buffer_.data(), buffer_.data() + count);
    return count == 0 ? traits_type::eof() : traits_type::to_int_type(*gptr());
  }

  std::streamsize xsgetn(char *text, std::streamsize count) override {
    const std::streamsize ready = (std::min)(count, static_cast<std::streamsize>(egptr() - gptr()));
    std::copy_n(gptr(), ready, text);
    gbump(static_cast<int>(ready));
    std::streamsize done = ready;
    while (done < count) {
      const auto room = static_cast<std::size_t>(count - done);
      const std::size_t more = reader_.read({reinterpret_cast<std::byte *>(text + done), room});
      if (more == 0) break;
      done += static_cast<std::streamsize>(more);
    }
    return done;
  }

 private:
  static constexpr std::size_t size = 65536;

  reader reader_;
  buffer<char> buffer_;
};

} // namespace fastpar

#endif
