/* Workers and CPUs as Windows has them: priority and affinity of workers, and how many CPUs are counted. */
#include "os.h"
#include "check.h"

#include <fastpar.h>

static DWORD_PTR of_process(void)
{
  DWORD_PTR mine = 0, machine = 0;
  CHECK(GetProcessAffinityMask(GetCurrentProcess(), &mine, &machine));
  return mine;
}

typedef struct {
  DWORD_PTR mask;
  int32_t workers, other_priority, other_mask;
} workers;

static void look_at_worker(void *user_data, uint32_t worker)
{
  workers *seen = user_data;
  DWORD_PTR before;
  (void)worker;
  os_add(&seen->workers, 1);
  if (GetThreadPriority(GetCurrentThread()) != THREAD_PRIORITY_NORMAL) os_add(&seen->other_priority, 1);
  before = SetThreadAffinityMask(GetCurrentThread(), seen->mask); /* tells what there was */
  if (before != seen->mask) os_add(&seen->other_mask, 1);
}

/* The thread of an audio engine: of a priority of its own, and on one CPU. */
static void first_call(void *seen)
{
  DWORD_PTR mine = ((workers *)seen)->mask;
  CHECK(SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_TIME_CRITICAL));
  CHECK(SetThreadAffinityMask(GetCurrentThread(), mine & (~mine + 1)) == mine);
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_hook(look_at_worker, NULL, seen, NULL), FASTPAR_OK);
  CHECK_EQUAL(GetThreadPriority(GetCurrentThread()), THREAD_PRIORITY_TIME_CRITICAL);
}

static void workers_take_nothing_of_the_thread_that_calls_first(void)
{
  workers seen = {0, 0, 0, 0};
  os_thread caller;
  seen.mask = of_process();
  os_start(&caller, first_call, &seen);
  os_join(&caller);
  CHECK_EQUAL(seen.workers, fastpar_pool_threads());
  CHECK_EQUAL(seen.other_priority, 0);
  CHECK_EQUAL(seen.other_mask, 0);
  CHECK_EQUAL(fastpar_pool_unhook(look_at_worker, NULL, &seen, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
}

static uint32_t bits(DWORD_PTR mask)
{
  uint32_t count = 0;
  for (; mask; mask &= mask - 1) count++;
  return count;
}

static void the_affinity_of_the_process_is_counted(void)
{
  DWORD_PTR all = of_process();
  CHECK_EQUAL(fastpar_cpus(), bits(all));
  CHECK(SetProcessAffinityMask(GetCurrentProcess(), all & (~all + 1)));
  CHECK_EQUAL(fastpar_cpus(), 1);
  CHECK(SetProcessAffinityMask(GetCurrentProcess(), all));
  CHECK_EQUAL(fastpar_cpus(), bits(all));
}

typedef BOOL(WINAPI *get_sets_fn)(HANDLE process, PULONG ids, ULONG room, PULONG count);
typedef BOOL(WINAPI *set_sets_fn)(HANDLE process, const ULONG *ids, ULONG count);
typedef BOOL(WINAPI *all_sets_fn)(void *sets, ULONG room, PULONG length, HANDLE process, ULONG flags);

/* Wine 8 has not the function that tells the sets of a process, so there nothing can be counted. */
static void the_default_cpu_sets_of_the_process_are_counted(void)
{
  void *kernel = (void *)GetModuleHandleA("kernel32.dll");
  get_sets_fn get;
  set_sets_fn set;
  all_sets_fn all;
  ULONG sets[64][8], length = 0, id;
  uint32_t before = fastpar_cpus();
  if (!os_symbol(kernel, "GetProcessDefaultCpuSets", &get)) return;
  CHECK(os_symbol(kernel, "SetProcessDefaultCpuSets", &set));
  CHECK(os_symbol(kernel, "GetSystemCpuSetInformation", &all));
  CHECK(all(sets, sizeof sets, &length, GetCurrentProcess(), 0));
  CHECK_EQUAL(sets[0][0], sizeof sets[0]); /* the size comes first, then the kind, then the number */
  id = sets[0][2];
  CHECK(set(GetCurrentProcess(), &id, 1));
  CHECK_EQUAL(fastpar_cpus(), 1);
  CHECK(set(GetCurrentProcess(), NULL, 0));
  CHECK_EQUAL(fastpar_cpus(), before);
}

int main(void)
{
  RUN(workers_take_nothing_of_the_thread_that_calls_first);
  RUN(the_affinity_of_the_process_is_counted);
  RUN(the_default_cpu_sets_of_the_process_are_counted);
  return FINISH();
}
