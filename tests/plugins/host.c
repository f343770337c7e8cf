/* Loads a library of this folder: `host constructor FILE`, `host static_copy FILE`. It is not linked to
   fastpar. */
#include "os.h"
#include "check.h"

#include <signal.h>
#include <unistd.h>

typedef int (*main_fn)(void);

static const char *path;
static int32_t signals;

static void count_signal(int signal)
{
  (void)signal;
  os_add(&signals, 1);
}

/* Its workers run code of the library: it must stay. */
static void unloaded_after_work(void)
{
  CHECK(signal(SIGUSR1, count_signal) != SIG_ERR);
  for (int i = 0; i < 100; i++) {
    void *library = os_library(path);
    main_fn run;
    CHECK(library != NULL);
    if (!library || !os_symbol(library, "plugin_main", &run)) return;
    CHECK_EQUAL(run(), 24);
    os_unload(library);
    CHECK(os_is_loaded(path));
    CHECK(kill(getpid(), SIGUSR1) == 0);
    CHECK_EQUAL(run(), 24);
  }
  CHECK_EQUAL(os_load(&signals), 100);
}

int main(int argc, char **argv)
{
  void *library;
  main_fn run;
  if (argc < 3) return 1;
  path = argv[2];
  if (strcmp(argv[1], "static_copy") == 0) {
    RUN(unloaded_after_work);
    return FINISH();
  }
  library = os_library(path);
  if (!library || !os_symbol(library, "plugin_main", &run)) {
    printf("%s\n", dlerror());
    return 1;
  }
  return run();
}
