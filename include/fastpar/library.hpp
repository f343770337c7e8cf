/* Versions of the library. Part of fastpar.hpp. */
#ifndef FASTPAR_LIBRARY_HPP
#define FASTPAR_LIBRARY_HPP

#include "../fastpar.h"

#include <cstdint>

namespace fastpar {

/** Returns the version of the library: major * 10000 + minor * 100 + patch. FASTPAR_VERSION_NUMBER is the
 * header's. */
[[nodiscard]] inline std::uint32_t version() noexcept { return fastpar_version(); }

/** Returns the version of the library as text, such as "1.2.3". The string is static. */
[[nodiscard]] inline const char *version_string() noexcept { return fastpar_version_string(); }

/** Returns the version of the ABI that the library speaks; FASTPAR_ABI_VERSION is the header's. */
[[nodiscard]] inline std::uint32_t abi_version() noexcept { return fastpar_abi_version(); }

/** Returns the version of the libzstd inside, such as "1.5.7". The string is static. */
[[nodiscard]] inline const char *zstd_version_string() noexcept { return fastpar_zstd_version_string(); }

} // namespace fastpar

#endif
