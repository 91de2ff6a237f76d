#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds the shared objects of the lab: build.sh SOURCE-DIR OUTPUT-DIR STAMP CC...
# One line per object: its file, then what makes it special.
set -eu
src=$1 out=$2 stamp=$3
shift 3
cc="$*"
dl=-Wl,--push-state,--as-needed,-ldl,--pop-state # before glibc 2.34
mkdir -p "$out/far" "$out/far2" "$out/org"
rm -f "$out"/*.so "$out"/*/*.so "$out/failed"

so() {
	file=$1
	shift
	{
		$cc -std=gnu11 -D_GNU_SOURCE -shared -fPIC -O1 -g -Wall -Wextra -Werror \
			-fno-optimize-sibling-calls -Wl,-z,lazy -I"$src" -L"$out" \
			-o "$out/$file" "$@" "$dl" || touch "$out/failed"
	} &
	jobs=$((jobs + 1))
	if [ $((jobs % 4)) = 0 ]; then
		wait
	fi
}
jobs=0
obj() {
	name=$1 value=$2
	shift 2
	so "$name.so" "$src/obj.c" -DNAME="$name" -DV="$value" "$@"
}
events() {
	name=$1 value=$2
	shift 2
	so "$name.so" "$src/events.c" -DNAME="$name" -DV="$value" "$@"
}

# plain ones, which differ only in their values
obj alpha 1
obj beta 2
obj gamma 3
obj delta 4 -Wl,-soname,libdelta.so.7
# link-time properties
obj symbolic 300 -Wl,-Bsymbolic
obj deep 301
obj sysv 302 -Wl,--hash-style=sysv
obj both 303 -Wl,--hash-style=both
obj nodelete 304 -Wl,-z,nodelete
obj noopen 305 -Wl,-z,nodlopen
obj global 306 -Wl,-z,global
obj bindnow 307 -Wl,-z,now
# callers with search paths of their own, and what they find there
obj runpath 310 -Wl,--enable-new-dtags,-rpath,'$ORIGIN/far'
obj rpath 311 -Wl,--disable-new-dtags,-rpath,'$ORIGIN/far2'
so far/libfar.so "$src/obj.c" -DNAME=far -DV=320
so far2/libfar.so "$src/obj.c" -DNAME=far2 -DV=321
so org/asker.so "$src/obj.c" -DNAME=asker -DV=322
so org/near.so "$src/obj.c" -DNAME=near -DV=323
# kinds of symbols and versions
so kinds.so "$src/kinds.c" -fcommon -ftls-model=global-dynamic
# one that says it is glibc's
printf 'GLIBC_PRIVATE { *; };\n' >private.map
so private.so "$src/kinds.c" -fcommon -ftls-model=global-dynamic -Wl,-soname,libm.so.6 -Wl,--version-script=private.map
so versions.so "$src/versions.c" -Wl,--version-script="$src/versions.map"
so bare.so "$src/bare.c" -nostdlib
# linked far up, at a negative load bias and above it; a first page without rights, unrelocated tables
obj high 330 -Wl,-Ttext-segment=0x800000000000
obj higher 331 -Wl,-Ttext-segment=0xffff800000000000
obj linked 332 -Wl,-Ttext-segment=0x600000000000
so guard.so "$src/bare.c" -nostdlib -Wl,-T,"$src/guard.lds" -Wl,--build-id=none
sed -e 's/guard PT_LOAD FLAGS(0)/guard PT_LOAD FILEHDR PHDRS FLAGS(4)/' \
	-e 's/\. = 0;/. = SIZEOF_HEADERS;/' "$src/guard.lds" >"$out/header.lds"
so header.so "$src/bare.c" -nostdlib -Wl,-T,"$out/header.lds" -Wl,--build-id=none
# a filter, one whose filtee is not there, and what it is there for: functions chosen at each look-up
so libchosen.so "$src/chosen.c" -Wl,-soname,libchosen.so
so auxiliary.so "$src/obj.c" -DNAME=auxiliary -DV=340 -Wl,--auxiliary,libchosen.so,-rpath,'$ORIGIN'
so filter.so "$src/obj.c" -DNAME=filter -DV=341 -Wl,--filter,libchosen.so,-rpath,'$ORIGIN'
so missing.so "$src/obj.c" -DNAME=missing -DV=342 -Wl,--auxiliary,libnotthere.so
so weak.so "$src/weak.c"
# wrappers of libc that ask for the next function at each call
so wrap.so "$src/wrapper.c" -DNAME=wrap -DV=5
so wrap2.so "$src/wrapper.c" -DNAME=wrap2 -DV=6
so allocates.so "$src/wrapper.c" -DNAME=wrap -DV=7 -DWRAPS_MALLOC
# symbols for dladdr: two hash styles, a dense and a wide one, without .symtab, almost none
for odd in 'wide 7 65536 3000' 'dense 8 256 400'; do
	set -- $odd
	awk -v seed="$2" -v range="$3" -v count="$4" -f "$src/odd.awk" >"$out/odd_$1.S"
	for style in gnu sysv; do
		so "odd_$1_$style.so" "$out/odd_$1.S" -nostdlib -Wl,--hash-style=$style
	done
done
so stripped.so "$src/kinds.c" -fcommon -ftls-model=global-dynamic -s
so nothing.so "$src/bare.c" -nostdlib -fvisibility=hidden
# lives
for n in ev1 ev2 ev3 ev4; do
	events $n ${n#ev}
done
so reenter.so "$src/reenter.c"
so slow.so "$src/slow.c"
# tools of the process rows
so audit.so "$src/audit.c"
so early.so "$src/early.c"
so early_now.so "$src/early.c" -Wl,-z,now
so resolver.so "$src/resolver.c"
so resolver_now.so "$src/resolver.c" -Wl,-z,now
so resolved.so "$src/resolved.c"
so resolved_now.so "$src/resolved.c" -Wl,-z,now
so oldref.so "$src/oldref.c"
wait

# dependencies: down needs mid needs leaf; left and right need each other
so libleaf.so "$src/events.c" -DNAME=leaf -DV=5 -Wl,-soname,libleaf.so
wait
so libmid.so "$src/chain.c" -DNAME=mid -DPEER=leaf -DV=6 -Wl,-soname,libmid.so,-rpath,'$ORIGIN' \
	-lleaf
so libright.so "$src/chain.c" -DNAME=right -DPEER=left -DV=8 -Wl,-soname,libright.so
wait
so needsaux.so "$src/chain.c" -DNAME=needsaux -DPEER=leaf -DV=343 -L"$out" -l:auxiliary.so \
	-Wl,--no-as-needed,-rpath,'$ORIGIN' -lleaf
so down.so "$src/chain.c" -DNAME=down -DPEER=mid -DV=7 -Wl,-rpath,'$ORIGIN' -lmid
so libleft.so "$src/chain.c" -DNAME=left -DPEER=right -DV=9 -Wl,-soname,libleft.so,-rpath,'$ORIGIN' \
	-lright
wait
so libright.so "$src/chain.c" -DNAME=right -DPEER=left -DV=8 \
	-Wl,-soname,libright.so,-rpath,'$ORIGIN' -lleft
wait

# many small ones of one shape, for churn: the same names, other values, the same sizes
i=10
while [ $i -lt 42 ]; do
	so churn$i.so "$src/churn.c" -DID=$i -nostdlib
	i=$((i + 1))
done
wait
test ! -e "$out/failed"
touch "$stamp"
