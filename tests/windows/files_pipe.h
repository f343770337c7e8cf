/* A named pipe of this process, and another process of this program. */
#ifndef FILES_PIPE_H
#define FILES_PIPE_H

#include "os.h"

#include <stdio.h>

#define PIPE "\\\\.\\pipe\\fastpar-test"

static inline HANDLE pipe_server(void)
{
  HANDLE pipe = CreateNamedPipeW(L"" PIPE, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE | PIPE_WAIT, 1, 1 << 20, 1 << 20, 0, NULL);
  CHECK(pipe != INVALID_HANDLE_VALUE);
  return pipe;
}

static inline int pipe_connected(HANDLE pipe)
{
  return ConnectNamedPipe(pipe, NULL) || GetLastError() == ERROR_PIPE_CONNECTED;
}

/* What a thread writes to a pipe, or reads from it. */
typedef struct pipe_end {
  HANDLE pipe;
  unsigned char *bytes;
  size_t size, done;
} pipe_end;

static inline void pipe_writes(void *argument)
{
  pipe_end *end = argument;
  DWORD more = 0;
  CHECK(pipe_connected(end->pipe));
  while (end->done < end->size && WriteFile(end->pipe, end->bytes + end->done, (DWORD)(end->size - end->done), &more, NULL))
    end->done += more;
  FlushFileBuffers(end->pipe); /* until all is read */
  CHECK(CloseHandle(end->pipe));
}

static inline void pipe_reads(void *argument)
{
  pipe_end *end = argument;
  DWORD more = 0;
  CHECK(pipe_connected(end->pipe));
  while (end->done < end->size && ReadFile(end->pipe, end->bytes + end->done, (DWORD)(end->size - end->done), &more, NULL) && more)
    end->done += more;
  CHECK(CloseHandle(end->pipe));
}

static inline HANDLE run_again(const char *argument)
{
  static wchar_t path[4096], line[5000];
  STARTUPINFOW startup;
  PROCESS_INFORMATION process;
  memset(&startup, 0, sizeof startup);
  startup.cb = sizeof startup;
  if (!GetModuleFileNameW(NULL, path, 4096)) abort();
  swprintf(line, 5000, L"\"%ls\" %hs", path, argument);
  if (!CreateProcessW(path, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) abort();
  CloseHandle(process.hThread);
  return process.hProcess;
}

/* Its exit code. */
static inline int ended(HANDLE process)
{
  DWORD code = 0;
  WaitForSingleObject(process, INFINITE);
  GetExitCodeProcess(process, &code);
  CloseHandle(process);
  return (int)code;
}

#endif
