/* What a worker takes from the process, and what it must not take from the thread that happens to call
   first. */
#include "os_process.h"
#include "os_threads.h"
#include "check.h"

#include <fastpar.h>
#include <stdio.h>

#ifdef __linux__
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* ---- what the system knows of a worker ---- */

#ifdef __linux__

/* Runs on a thread of its own, so that the thread's affinity, class and mask end with it. */
static void on_a_thread(void (*function)(void *))
{
  os_thread thread;
  os_start(&thread, function, NULL);
  os_join(&thread);
}

/* The priority of a thread's input and output; 0: the calling thread. */
static long io_priority(int thread) { return syscall(SYS_ioprio_get, 1, thread); }

/* The user for whom the calling thread opens files; a number that is none changes nothing. */
static int user_of_files(void) { return setfsuid((uid_t)-1); }
static int group_of_files(void) { return setfsgid((gid_t)-1); }

/* What the main thread is told of itself. */
static struct {
  int slack, user, group, groups;
} main_thread;

/* What the hook of each worker finds. */
static struct {
  int32_t workers, elsewhere, other_class, other_nice, other_io, other_slack, other_user, open_signals, closed_signals;
  cpu_set_t process;
  int nice;
  long io;
} seen;

/* Two signals that the C library keeps for itself, and never blocks, come before SIGRTMIN. */
#define FIRST_OF_LIBC 32

static const int SYNCHRONOUS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};

static int is_synchronous(int signal)
{
  for (size_t i = 0; i < sizeof SYNCHRONOUS / sizeof *SYNCHRONOUS; i++) {
    if (SYNCHRONOUS[i] == signal) return 1;
  }
  return 0;
}

static void look_at_worker(void *user_data, uint32_t worker)
{
  cpu_set_t mask;
  sigset_t blocked;
  (void)user_data, (void)worker;
  os_add(&seen.workers, 1);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0 || !CPU_EQUAL(&mask, &seen.process)) os_add(&seen.elsewhere, 1);
  if (syscall(SYS_sched_getscheduler, 0) != SCHED_OTHER) os_add(&seen.other_class, 1);
  if (getpriority(PRIO_PROCESS, 0) != seen.nice) os_add(&seen.other_nice, 1);
  if (io_priority(0) != seen.io) os_add(&seen.other_io, 1);
  if (prctl(PR_GET_TIMERSLACK) != main_thread.slack) os_add(&seen.other_slack, 1);
  if (user_of_files() != main_thread.user || group_of_files() != main_thread.group) os_add(&seen.other_user, 1);
  if (geteuid() != (uid_t)main_thread.user) os_add(&seen.other_user, 1);
  if (getgroups(0, NULL) != main_thread.groups) os_add(&seen.other_user, 1);
  pthread_sigmask(SIG_BLOCK, NULL, &blocked);
  for (int signal = 1; signal < FIRST_OF_LIBC; signal++) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (is_synchronous(signal)) {
      if (sigismember(&blocked, signal)) os_add(&seen.closed_signals, 1);
    } else if (!sigismember(&blocked, signal)) {
      os_add(&seen.open_signals, 1);
    }
  }
}

/* Starts a pool on the calling thread and looks at its workers. */
static void start_and_look(void)
{
  memset(&seen, 0, sizeof seen);
  sched_getaffinity(getpid(), sizeof seen.process, &seen.process);
  seen.nice = getpriority(PRIO_PROCESS, (id_t)getpid());
  seen.io = io_priority(getpid());
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_hook(look_at_worker, NULL, NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(seen.workers, 24);
  CHECK_EQUAL(seen.elsewhere, 0);
  CHECK_EQUAL(seen.other_class, 0);
  CHECK_EQUAL(seen.other_nice, 0);
  CHECK_EQUAL(seen.other_io, 0);
  CHECK_EQUAL(seen.other_slack, 0);
  CHECK_EQUAL(seen.other_user, 0);
  CHECK_EQUAL(seen.open_signals, 0);
  CHECK_EQUAL(seen.closed_signals, 0);
}

static void pinned_caller(void *argument)
{
  cpu_set_t one, after;
  (void)argument;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    cpu_set_t all;
    sched_getaffinity(getpid(), sizeof all, &all);
    if (CPU_ISSET(cpu, &all)) {
      CPU_SET(cpu, &one);
      break;
    }
  }
  CHECK_EQUAL(sched_setaffinity(0, sizeof one, &one), 0);
  start_and_look();
  sched_getaffinity(0, sizeof after, &after);
  CHECK(CPU_EQUAL(&one, &after));
}

static void real_time_caller(void *argument)
{
  struct sched_param priority = {.sched_priority = 1};
  (void)argument;
  /* Only root may; elsewhere the class stays, and what is looked at still holds. (musl's own function only
     fails.) */
  if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &priority) != 0) CHECK_EQUAL(errno, EPERM);
  start_and_look();
}

static void nice_caller(void *argument)
{
  (void)argument;
  /* On Linux of this thread alone. Whether a worker may be less nice than its maker is the system's to
     say. */
  CHECK_EQUAL(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 3), 0);
  if (geteuid() == 0) start_and_look();
}

/* The lowest priority of the idle class. Kernels without schedulers for disks know none of this. */
static void caller_with_idle_io(void *argument)
{
  const int idle = 3 << 13 | 7;
  (void)argument;
  if (syscall(SYS_ioprio_set, 1, 0, idle) != 0) CHECK_EQUAL(errno, ENOSYS);
  start_and_look();
}

/* It may sleep 7 ms too long each time. */
static void caller_with_slack(void *argument)
{
  (void)argument;
  CHECK_EQUAL(prctl(PR_SET_TIMERSLACK, 7000000), 0);
  start_and_look();
}

/* It serves another user, and the rest of the process does not. Only root may: elsewhere nothing changes. */
static void caller_for_files_of_another(void *argument)
{
  (void)argument;
  setfsgid(65534), setfsuid(65534);
  CHECK(geteuid() != 0 || (user_of_files() == 65534 && group_of_files() == 65534));
  start_and_look();
  CHECK(geteuid() != 0 || user_of_files() == 65534);
}

static void caller_for_another(void *argument)
{
  (void)argument;
  /* Not the C library's functions, which change all threads. */
  if (geteuid() == 0) {
    CHECK_EQUAL(syscall(SYS_setresgid, -1, 65534, -1), 0);
    CHECK_EQUAL(syscall(SYS_setresuid, -1, 65534, -1), 0);
    CHECK_EQUAL(prctl(PR_SET_DUMPABLE, 1), 0); /* the kernel has ended that */
  }
  start_and_look();
  CHECK_EQUAL(prctl(PR_GET_DUMPABLE), 1);
}

static void caller_without_groups(void *argument)
{
  (void)argument;
  if (geteuid() == 0) CHECK_EQUAL(syscall(SYS_setgroups, 0, NULL), 0);
  start_and_look();
}

static void look_at_main_thread(void)
{
  main_thread.slack = prctl(PR_GET_TIMERSLACK);
  main_thread.user = user_of_files(), main_thread.group = group_of_files();
  main_thread.groups = getgroups(0, NULL);
}

/* Its pool is started by a call on `caller`; the hooks of one pool end with the process, so each test has
   a child of its own. */
static void in_a_child(void (*caller)(void *))
{
  int status = -1;
  pid_t child = fork();
  if (child == 0) {
    look_at_main_thread();
    on_a_thread(caller);
    fflush(stdout);
    _exit(check_failures != 0);
  }
  CHECK(child > 0 && syscall(SYS_wait4, child, &status, 0, NULL) == child);
  CHECK_EQUAL(status, 0);
}

static void workers_run_where_the_process_may(void) { in_a_child(pinned_caller); }
static void workers_are_not_real_time(void) { in_a_child(real_time_caller); }
static void workers_read_and_write_as_the_process_does(void) { in_a_child(caller_with_idle_io); }
static void workers_wake_up_as_the_process_does(void) { in_a_child(caller_with_slack); }

#define SLACK 77000
#define CAP_SYS_NICE 23

static const char *program;

/* In a program of its own, which has had the slack since before the library was loaded. */
static int look_at_slack(void)
{
  look_at_main_thread();
  CHECK_EQUAL(main_thread.slack, SLACK);
  on_a_thread(caller_with_slack);
  return check_failures != 0;
}

static void run_with_slack(void *argument)
{
  (void)argument;
  CHECK_EQUAL(prctl(PR_SET_TIMERSLACK, SLACK), 0);
  /* The kernel tells the slack of other threads to those who have this. */
  prctl(PR_CAPBSET_DROP, CAP_SYS_NICE, 0, 0, 0);
  CHECK_EQUAL(os_run_again(program, "slack"), 0);
}

static void workers_wake_up_as_the_process_did_at_first(void) { in_a_child(run_with_slack); }

static void workers_are_in_all_groups_of_the_process(void)
{
  static gid_t before[65536], many[300];
  int count = getgroups(65536, before);
  for (gid_t i = 0; i < 300; i++) many[i] = 1000 + i;
  if (setgroups(300, many) != 0) CHECK_EQUAL(errno, EPERM);
  in_a_child(caller_without_groups);
  if (geteuid() == 0) CHECK_EQUAL(setgroups((size_t)count, before), 0);
}

static void workers_act_for_the_user_of_the_process(void)
{
  in_a_child(caller_for_files_of_another);
  in_a_child(caller_for_another);
}
static void workers_are_as_nice_as_the_process(void) { in_a_child(nice_caller); }

static volatile sig_atomic_t on_main, elsewhere;

static void note_signal(int signal)
{
  (void)signal;
  if (syscall(SYS_gettid) == getpid()) on_main++;
  else elsewhere++;
}

static int32_t empty_chunk(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data, (void)chunk;
  return 0;
}

/* The usual event loop: the signal is blocked but while the loop waits. */
static void signals_reach_the_programs_threads(void)
{
  struct sigaction action, before;
  sigset_t ours, old;
  memset(&action, 0, sizeof action);
  action.sa_handler = note_signal;
  CHECK_EQUAL(sigaction(SIGUSR1, &action, &before), 0);
  CHECK_EQUAL(fastpar_for(NULL, 240, empty_chunk, NULL, NULL), FASTPAR_OK);
  sigemptyset(&ours);
  sigaddset(&ours, SIGUSR1);
  sigprocmask(SIG_BLOCK, &ours, &old);
  for (int i = 0; i < 100; i++) {
    sigset_t pending;
    CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
    CHECK_EQUAL(fastpar_for(NULL, 240, empty_chunk, NULL, NULL), FASTPAR_OK);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGUSR1)); /* nobody has taken it */
    sigsuspend(&old);
  }
  CHECK_EQUAL(on_main, 100);
  CHECK_EQUAL(elsewhere, 0);
  sigprocmask(SIG_SETMASK, &old, NULL);
  sigaction(SIGUSR1, &before, NULL);
}

/* Whoever starts a pool has the mask that it had. */
static void the_callers_mask_is_as_before(void)
{
  sigset_t ours, before, after;
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  sigemptyset(&ours);
  sigaddset(&ours, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &ours, NULL);
  pthread_sigmask(SIG_BLOCK, NULL, &before);
  CHECK_EQUAL(fastpar_for(NULL, 240, empty_chunk, NULL, NULL), FASTPAR_OK);
  pthread_sigmask(SIG_BLOCK, NULL, &after);
  for (int signal = 1; signal < FIRST_OF_LIBC; signal++) {
    CHECK_EQUAL(sigismember(&before, signal), sigismember(&after, signal));
  }
  pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}

#endif

int main(int argc, char **argv)
{
#ifdef __linux__
  program = argv[0];
  if (argc > 1) return look_at_slack();
  /* First: their children are forked while there is no pool. */
  RUN(workers_run_where_the_process_may);
  RUN(workers_are_not_real_time);
  RUN(workers_are_as_nice_as_the_process);
  RUN(workers_read_and_write_as_the_process_does);
  RUN(workers_wake_up_as_the_process_does);
  RUN(workers_wake_up_as_the_process_did_at_first);
  RUN(workers_act_for_the_user_of_the_process);
  RUN(workers_are_in_all_groups_of_the_process);
  RUN(signals_reach_the_programs_threads);
  RUN(the_callers_mask_is_as_before);
#else
  (void)argc, (void)argv;
#endif
  return FINISH();
}
