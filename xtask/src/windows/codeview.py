"""Sets the flag in a module of bitcode that has LLVM write CodeView, by the LLVM that rustc itself uses.

codeview.py LIBLLVM FROM TO
"""

import ctypes
import sys

ERROR_IF_IT_DIFFERS = 0
NAME = b"CodeView"

library, source, target = sys.argv[1:]
llvm = ctypes.CDLL(library)
pointer = ctypes.c_void_p


def function(name, result, *arguments):
    found = getattr(llvm, name)
    found.restype, found.argtypes = result, arguments
    return found


def done(failed, what):
    if failed:
        sys.exit(f"{what}: LLVM has failed")


context = function("LLVMContextCreate", pointer)()
bytes_of_file, message, module = pointer(), ctypes.c_char_p(), pointer()
read = function("LLVMCreateMemoryBufferWithContentsOfFile", ctypes.c_int, ctypes.c_char_p, pointer, pointer)
done(read(source.encode(), ctypes.byref(bytes_of_file), ctypes.byref(message)), source)
parse = function("LLVMParseBitcodeInContext2", ctypes.c_int, pointer, pointer, pointer)
done(parse(context, bytes_of_file, ctypes.byref(module)), source)
number = function("LLVMInt32TypeInContext", pointer, pointer)(context)
one = function("LLVMConstInt", pointer, pointer, ctypes.c_ulonglong, ctypes.c_int)(number, 1, 0)
value = function("LLVMValueAsMetadata", pointer, pointer)(one)
set_flag = function("LLVMAddModuleFlag", None, pointer, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, pointer)
set_flag(module, ERROR_IF_IT_DIFFERS, NAME, len(NAME), value)
write = function("LLVMWriteBitcodeToFile", ctypes.c_int, pointer, ctypes.c_char_p)
done(write(module, target.encode()), target)
