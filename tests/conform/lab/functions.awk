# SPDX-License-Identifier: BSD-2-Clause
# An assembler file with `count` functions of 16 bytes, for an executable that exports them all.
BEGIN {
	print ".text\n.p2align 4"
	for (i = 0; i < count; i++)
		printf ".globl function_%d\n.type function_%d,\"function\"\nfunction_%d:\n.space 16\n.size function_%d, %d\n", \
			i, i, i, i, 16 - i % 3
	print ".section .note.GNU-stack,\"\""
}
