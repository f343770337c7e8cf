/* A test program: functions that CHECK, run one after the other by RUN. main returns FINISH(). */
#ifndef CHECK_HPP
#define CHECK_HPP

#include <fastpar.hpp>

#include <atomic>
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>

namespace check {

inline std::atomic<int> failures{0}; // in the test that runs
inline int failed_tests = 0;

inline void failed(const char *file, int line, const std::string &what) {
  if (++failures <= 10) std::printf("%s:%d: failed: %s\n", file, line, what.c_str());
}

template <class A, class B>
void equal(const A &a, const B &b, const char *file, int line, const char *what) {
  if (a == b) return;
  std::ostringstream text;
  text << what << " (" << a << ", " << b << ")";
  failed(file, line, text.str());
}

template <class Expected, class Action, class Check>
void throws(Action &&action, Check &&check, const char *file, int line, const char *what) {
  try {
    action();
  } catch (const Expected &e) {
    check(e);
    return;
  } catch (const std::exception &e) {
    failed(file, line, std::string(what) + ": another exception: " + e.what());
    return;
  } catch (...) {
    failed(file, line, std::string(what) + ": an exception of another type");
    return;
  }
  failed(file, line, std::string(what) + ": no exception");
}

inline void run(const char *name, void (*test)()) {
  failures = 0;
  try {
    test();
  } catch (const std::exception &e) {
    failed(name, 0, std::string("exception: ") + e.what());
  } catch (...) {
    failed(name, 0, "exception");
  }
  std::printf("test %s ... %s\n", name, failures ? "FAILED" : "ok");
  std::fflush(stdout);
  if (failures) failed_tests++;
}

} // namespace check

/* Notes a failure and goes on. May be used on any thread. */
#define CHECK(condition) ((condition) ? static_cast<void>(0) : check::failed(__FILE__, __LINE__, #condition))

/* The same for two values, which it prints. */
#define CHECK_EQUAL(a, b) check::equal((a), (b), __FILE__, __LINE__, #a " == " #b)

/* The statement throws this type. */
#define CHECK_THROWS(type, statement) \
  check::throws<type>([&] { statement; }, [](const type &) {}, __FILE__, __LINE__, #statement)

/* The same; what follows looks at `e`, which is what was thrown. */
#define CHECK_THROWS_WITH(type, statement, ...) \
  check::throws<type>([&] { statement; }, [&](const type &e) { __VA_ARGS__; }, __FILE__, __LINE__, #statement)

/* The statement throws fastpar::error with this status. */
#define CHECK_STATUS(expected, statement)                                                                      \
  CHECK_THROWS_WITH(fastpar::error, statement, CHECK_EQUAL(std::string(fastpar::status_name(e.status())),      \
                                                           fastpar::status_name(fastpar::status::expected)))

#define RUN(test) check::run(#test, test)
#define FINISH() (check::failed_tests != 0)

#endif
