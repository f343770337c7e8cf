/* A test program: functions that CHECK, run one after the other by RUN. main returns FINISH(). */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

static int check_failures;      /* in the test that runs; several threads may count, more or less is the same */
static int check_failed_tests;

/* Notes a failure and goes on. May be used on any thread. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

/* The same for equal integers, whose values it prints. */
#define CHECK_EQUAL(a, b) check_equal((long long)(a), (long long)(b), __FILE__, __LINE__, #a " == " #b)

#define RUN(test) check_run(#test, test)
#define RUN_AS(name, test) check_run(name, test)
#define FINISH() (check_failed_tests != 0)

static inline void check_failed(const char *file, int line, const char *condition)
{
  if (++check_failures <= 10) printf("%s:%d: failed: %s\n", file, line, condition);
}

static inline void check_equal(long long a, long long b, const char *file, int line, const char *condition)
{
  if (a == b) return;
  if (++check_failures <= 10) printf("%s:%d: failed: %s (%lld, %lld)\n", file, line, condition, a, b);
}

static inline void check_run(const char *name, void (*test)(void))
{
  check_failures = 0;
  test();
  printf("test %s ... %s\n", name, check_failures ? "FAILED" : "ok");
  fflush(stdout);
  if (check_failures) check_failed_tests++;
}

#endif
