/* Another process of the same program. Include it first. */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include "os.h"

#include <stdio.h>

#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

/* Runs it with one argument: what it returns, or -1 if it crashed or did not end within a minute. */
static inline int os_run_again(const char *program, const char *argument)
{
#ifdef _WIN32
  static wchar_t path[4096], line[5000];
  STARTUPINFOW startup;
  PROCESS_INFORMATION process;
  DWORD code = 0;
  (void)program;
  memset(&startup, 0, sizeof startup);
  startup.cb = sizeof startup;
  if (!GetModuleFileNameW(NULL, path, 4096)) abort();
  swprintf(line, 5000, L"\"%ls\" %hs", path, argument);
  if (!CreateProcessW(path, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) return -1;
  if (WaitForSingleObject(process.hProcess, 60000) != WAIT_OBJECT_0) TerminateProcess(process.hProcess, (UINT)-1);
  WaitForSingleObject(process.hProcess, INFINITE);
  GetExitCodeProcess(process.hProcess, &code);
  CloseHandle(process.hThread);
  CloseHandle(process.hProcess);
  return (int)code; /* of a crash: a negative number */
#else
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    execl(program, program, argument, (char *)NULL);
    _exit(127);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
#endif
}

#endif
