/* What the program and the library of this test know of each other. */
#ifndef DLLMAIN_H
#define DLLMAIN_H

#include "os.h"

#include <fastpar.h>

/* The process' exit code where all was right at its end. */
#define CODE 7

/* Of the trace. */
#define TIMELINE "dllmain.timeline"

/* Set: the library does nothing while it is loaded. */
#define WITHOUT_ATTACHING "FASTPAR_TEST_WITHOUT_ATTACHING"

typedef struct plugin_state {
  fastpar_job *job; /* has every worker inside a callback; NULL: there is none */
  int starting; /* another thread makes the first call of the pool */
  fastpar_thread_fn hook; /* workers are inside it, and a trace runs; NULL: there is none */
} plugin_state;

typedef void (*plugin_set_fn)(const plugin_state *known);
typedef int (*plugin_failed_fn)(void);

#endif
