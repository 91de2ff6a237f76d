# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# C++ exceptions under unwinders that walk dl_iterate_phdr at every frame, and under one that does not.
case_order=56
case_title='C++ exceptions under LLVM and nongnu libunwind, SYMFAST_PHDR'
case_note='LLVM gains with threads only, nongnu has slower parts, libgcc (control) no longer walks at all.'
case_counted='phdr'
case_full=yes
case_env=(SYMFAST_PHDR=serial)

# build_with NAME [LIBRARY]: the library stands before libgcc_s, so its _Unwind_* are the ones used.
build_with()
{
	g++ -O1 -g -Wall -Wextra -o "$CASE_WORK/$1" "$CASE_DIR/throw.cpp" -Wl,--no-as-needed ${2:+"$2"} \
		-lpthread
}

# The run-time libraries: the packages for development conflict with each other.
case_prepare()
{
	local llvm nongnu

	llvm=$(first_of /usr/lib/*/libunwind.so.1) || return
	nongnu=$(first_of /usr/lib/*/libunwind.so.8) || return
	build_with llvm "$llvm" && build_with nongnu "$nongnu" && build_with libgcc
}

case_run()
{
	under "$CASE_WORK/llvm" 1 40000 'throw, LLVM libunwind, 1 thread' &&
		under "$CASE_WORK/llvm" 2 40000 'throw, LLVM libunwind, 2 threads' &&
		under env SYMFAST_PHDR=free "$CASE_WORK/llvm" 2 40000 'the same, free' &&
		under env SYMFAST_PHDR=free "$CASE_WORK/nongnu" 2 1000 'throw, nongnu libunwind, 2 threads, free' &&
		under "$CASE_WORK/libgcc" 2 40000 'control: throw, libgcc, 2 threads'
}
