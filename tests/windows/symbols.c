/* What debuggers find of fastpar.dll: by the functions of Windows that they use themselves, in the .pdb
 * that lies
   beside it. Prints the kind of symbols, the function, and its line. */
#include <windows.h>

#include <dbghelp.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
  HANDLE process = GetCurrentProcess();
  HMODULE library = LoadLibraryA("fastpar.dll");
  DWORD64 address = (DWORD64)(ULONG_PTR)GetProcAddress(library, "fastpar_compress"), from = 0;
  IMAGEHLP_MODULE64 module;
  IMAGEHLP_LINE64 line;
  union {
    SYMBOL_INFO info;
    char room[sizeof(SYMBOL_INFO) + 300];
  } symbol;
  DWORD column = 0;
  memset(&module, 0, sizeof module);
  memset(&line, 0, sizeof line);
  memset(&symbol, 0, sizeof symbol);
  module.SizeOfStruct = sizeof module;
  line.SizeOfStruct = sizeof line;
  symbol.info.SizeOfStruct = sizeof symbol.info;
  symbol.info.MaxNameLen = 300;
  SymSetOptions(SYMOPT_LOAD_LINES | SYMOPT_UNDNAME | SYMOPT_EXACT_SYMBOLS);
  if (!library || !SymInitialize(process, NULL, TRUE)) return 1;
  if (!SymGetModuleInfo64(process, address, &module)) return 2;
  if (!SymFromAddr(process, address, &from, &symbol.info)) return 3;
  if (!SymGetLineFromAddr64(process, address, &column, &line)) return 4;
  printf("%s, %s + %d, %s\n", module.SymType == SymPdb ? "pdb" : "no pdb", symbol.info.Name, (int)from, line.FileName);
  return 0;
}
