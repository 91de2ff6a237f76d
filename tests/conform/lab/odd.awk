# SPDX-License-Identifier: BSD-2-Clause
# An assembler file with symbols as no compiler makes them: awk -v seed=N -v range=BYTES -v count=N.
# They overlap, nest, share their starts, have no size or reach past the end; weak, hidden, protected,
# absolute and thread-local ones among them. The same for one seed.
function any(n) { return int(rand() * n) }
function symbol(name, type, at, size) {
	printf ".globl %s\n.type %s,\"%s\"\n.set %s, base+%d\n.size %s, %d\n", name, name, type, name, \
		at, name, size
}
BEGIN {
	srand(seed)
	split("function object notype function", types, " ")
	split("weak hidden protected", bindings, " ")
	printf ".text\n.p2align 4\nbase:\n.space %d\n", range
	for (i = 0; i < count; i++) {
		name = sprintf("odd%d_%d", seed, i)
		at = any(range)
		if (any(5) == 0 && i > 0)
			at = last
		last = at
		kind = any(10)
		size = kind == 0 ? 0 : kind == 1 ? range * 4 : kind < 5 ? any(range / 4) : any(64)
		symbol(name, types[1 + any(4)], at, size)
		if (any(6) == 0)
			printf ".%s %s\n", bindings[1 + any(3)], name
		if (any(40) == 0)
			printf ".globl %s_abs\n.set %s_abs, %d\n", name, name, 4096 + any(range)
	}
	printf ".section .tdata,\"awT\"\n.globl odd_tls\n.type odd_tls,\"object\"\n"
	printf "odd_tls:\n.space 64\n.size odd_tls, 64\n.section .note.GNU-stack,\"\"\n"
}
