/* What a body may ask of the call around it. Part of fastpar.hpp. */
#ifndef FASTPAR_CALLBACKS_HPP
#define FASTPAR_CALLBACKS_HPP

#include "error.hpp"

namespace fastpar {

/**
 * Tells a body whether it should come to an end: the innermost call whose body runs on the calling thread, or
 * a call around it on this thread, is cancelled or has failed. False outside of bodies. Never blocks.
 */
[[nodiscard]] inline bool is_cancelled() noexcept { return fastpar_is_cancelled() != 0; }

/**
 * Tells which error the call shall end with, from inside a callback of C that then returns non-zero. A body
 * of C++ throws instead. Dropped if the callback returns 0; outside of callbacks nothing happens. Never
 * blocks.
 */
inline void fail(const error &failure) noexcept { fastpar_fail(&failure.raw()); }

} // namespace fastpar

#endif
