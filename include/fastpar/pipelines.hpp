/* In order in, in parallel, in order out. Part of fastpar.hpp. */
#ifndef FASTPAR_PIPELINES_HPP
#define FASTPAR_PIPELINES_HPP

#include "control.hpp"

#include <memory>
#include <optional>

namespace fastpar {

/** Options of a pipeline; every member has its default. */
struct pipeline_options {
  /** Threads that work on items at the same time, the caller included. 0: every thread of the pool. */
  std::uint32_t max_lanes = 0;
  /** The most items that the source has given and that are not taken yet. 0: twice the lanes. */
  std::uint32_t in_flight = 0;
  /** Cancels the pipeline. May be null. */
  cancel_flag *cancel = nullptr;
  /** What traces call the pipeline, UTF-8; may be null. Read when the call begins. */
  const char *name = nullptr;
};

namespace detail {

/** Three functions and the exceptions that they throw, behind one pointer for C. */
template <class Source, class Work, class Sink>
struct pipeline_call {
  using input = typename std::decay_t<std::invoke_result_t<Source &>>::value_type;
  using output = std::invoke_result_t<Work &, input &>;
  static_assert(!std::is_void_v<output> && !std::is_reference_v<output>, "the work on an item returns a value");

  struct item {
    std::size_t number;
    input in;
    std::optional<output> out{};
  };

  Source &source;
  Work &work;
  Sink &sink;
  carried exceptions{};
  std::size_t fed = 0;

  static std::int32_t feed(void *user_data, void **place) noexcept {
    auto *self = static_cast<pipeline_call *>(user_data);
    try {
      auto next = std::invoke(self->source);
      if (next) *place = new item{self->fed++, std::move(*next)};
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(self->fed);
      return threw;
    }
  }

  static std::int32_t run(void *user_data, void *given, std::uint32_t) noexcept {
    auto *self = static_cast<pipeline_call *>(user_data);
    auto *one = static_cast<item *>(given);
    try {
      one->out.emplace(std::invoke(self->work, one->in));
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(one->number);
      return threw;
    }
  }

  static std::int32_t take(void *user_data, void *given, std::uint32_t) noexcept {
    auto *self = static_cast<pipeline_call *>(user_data);
    const std::unique_ptr<item> one(static_cast<item *>(given));
    try {
      std::invoke(self->sink, std::move(*one->out));
      return FASTPAR_OK;
    } catch (...) {
      self->exceptions.keep(one->number);
      return threw;
    }
  }

  static void drop(void *, void *given) noexcept { delete static_cast<item *>(given); }
};

} // namespace detail

/**
 * Reads items in order, works on them in parallel, and takes the results in order.
 *
 * Equivalent to this, but for the threads:
 *
 *     while (auto item = source()) sink(work(*item));
 *
 * What is done and first in order goes to the sink before the source is asked again.
 *
 * @param source   returns a `std::optional` of an item; empty: the end. Called on the calling thread.
 * @param work     callable with an `item &`, returns a value; called on any thread, several at the same time
 * @param sink     callable with that value; called on the calling thread
 * @param options  every thread of the pool, unless they say otherwise
 * @throws what one of them throws; of several items the lowest, and the items before one whose work threw
 *         have been taken. error: cancelled, or as for_each_chunk if the pool cannot be started.
 *
 * Blocks. May be called from any thread, and from inside bodies.
 */
template <class Source, class Work, class Sink>
void pipeline(Source &&source, Work &&work, Sink &&sink, const pipeline_options &options = {}) {
  using call_type =
      detail::pipeline_call<std::remove_reference_t<Source>, std::remove_reference_t<Work>, std::remove_reference_t<Sink>>;
  call_type call{source, work, sink};
  fastpar_pipeline_options raw = {};
  raw.struct_size = sizeof raw;
  raw.max_lanes = options.max_lanes;
  raw.in_flight = options.in_flight;
  raw.cancel = options.cancel ? options.cancel->raw() : nullptr;
  raw.name = options.name;
  raw.drop = &call_type::drop;
  fastpar_error failure;
  const fastpar_status result =
      fastpar_pipeline_run(&raw, &call_type::feed, &call_type::run, &call_type::take, &call, &failure);
  call.exceptions.finish(result, failure);
}

} // namespace fastpar

#endif
