/* For a program whose calls shall have 24 lanes, whatever the machine: it is told that it may use 24 CPUs. */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>

/* Beside the system's function, in the program itself: the library finds this one first. */
int sched_getaffinity(pid_t process, size_t size, cpu_set_t *cpus) {
    (void)process;
    memset(cpus, 0, size);
    for (int cpu = 0; cpu < 24; cpu++) CPU_SET_S(cpu, size, cpus);
    return 0;
}
