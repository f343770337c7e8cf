/* Paths as C takes them. Part of fastpar.hpp. */
#ifndef FASTPAR_PATHS_HPP
#define FASTPAR_PATHS_HPP

#include "error.hpp"

#include <filesystem>
#include <string>

namespace fastpar {
namespace detail {

/** A path as C takes it: in UTF-8 on Windows, in its bytes elsewhere. */
inline std::string utf8(const std::filesystem::path &path) {
#ifdef _WIN32
  const auto text = path.u8string(); // char until C++17, char8_t since
  std::string result(reinterpret_cast<const char *>(text.data()), text.size());
#else
  std::string result = path.native();
#endif
  if (result.find('\0') != std::string::npos) throw error(status::invalid_argument, "the path holds a NUL");
  return result;
}

} // namespace detail
} // namespace fastpar

#endif
