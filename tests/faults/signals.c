/* Signals during everything: a profiler's timer a thousand times a second, children that end, and Ctrl-C
 * with a handler. System calls are interrupted (no SA_RESTART), and every result is as always. */
#define _GNU_SOURCE
#include "calls.h"
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

enum { THREADS = 3, SECONDS = 6 };

static calls_room rooms[THREADS];
static atomic_long profiled, ended, interrupted;
static atomic_int over;
static atomic_long done;

static void on_signal(int number)
{
  atomic_fetch_add(number == SIGPROF ? &profiled : number == SIGCHLD ? &ended : &interrupted, 1);
}

static void *calls_in_turn(void *argument)
{
  calls_room *room = argument;
  for (int i = 0; !atomic_load(&over); i++) {
    CHECK_EQUAL(CALLS[i % CALLS_KINDS].run(room), FASTPAR_OK);
    atomic_fetch_add(&done, 1);
    if (i % 200 == 199 && room == &rooms[0]) CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  }
  return NULL;
}

static void everything_works_under_signals(void)
{
  static const int SIGNALS[] = {SIGPROF, SIGCHLD, SIGINT};
  struct itimerval every_millisecond = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  struct sigaction action;
  pthread_t threads[THREADS];
  time_t end = time(NULL) + SECONDS;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  for (int i = 0; i < 3; i++) CHECK_EQUAL(sigaction(SIGNALS[i], &action, NULL), 0);
  for (int i = 0; i < THREADS; i++) {
    calls_make_room(&rooms[i], i);
    calls_make_files(&rooms[i]);
    CHECK_EQUAL(pthread_create(&threads[i], NULL, calls_in_turn, &rooms[i]), 0);
  }
  CHECK_EQUAL(setitimer(ITIMER_PROF, &every_millisecond, NULL), 0);
  while (time(NULL) < end) {
    struct timespec moment = {0, 2000000};
    pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(child > 0);
    kill(getpid(), SIGINT);
    while (waitpid(child, NULL, 0) < 0) {
    }
    nanosleep(&moment, NULL);
  }
  atomic_store(&over, 1);
  for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
  CHECK_EQUAL(setitimer(ITIMER_PROF, &never, NULL), 0);
  for (int i = 0; i < THREADS; i++) calls_remove_files(&rooms[i]);
  printf("  %ld calls under %ld SIGPROF, %ld SIGCHLD, %ld SIGINT\n", atomic_load(&done), atomic_load(&profiled),
         atomic_load(&ended), atomic_load(&interrupted));
  CHECK(atomic_load(&done) >= 100 && atomic_load(&profiled) >= 100);
  CHECK(atomic_load(&ended) >= 20 && atomic_load(&interrupted) >= 20);
}

int main(void)
{
  calls_prepare();
  alarm(120);
  RUN(everything_works_under_signals);
  return FINISH();
}
