# SPDX-License-Identifier: BSD-2-Clause
"""A host of libm: looks its functions up again and again, and prints what they answer, and what does not exist."""
import ctypes
import sys

libm = ctypes.CDLL('libm.so.6')
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
for name in ('cbrt', 'floor', 'hypot', 'ldexp', 'tgamma', 'no_such_function', 'rint', 'cbrtl'):
    places, errors = set(), set()
    for _ in range(rounds):
        try:
            places.add(ctypes.cast(libm[name], ctypes.c_void_p).value)
        except AttributeError as error:
            errors.add(str(error))
    print(name, len(places), sorted(errors))
libm.cbrt.restype = ctypes.c_double
libm.cbrt.argtypes = [ctypes.c_double]
print(libm.cbrt(27.0))
if sys.argv[2:] == ['wait']:
    sys.stdout.flush()
    sys.stdin.read()
