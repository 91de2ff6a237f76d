#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds the plugins of the retain tests: build.sh SOURCE-DIR OUTPUT-DIR STAMP CC CXX
# One line per object; what a linker here cannot do is left out, and its row says so.
set -eu
src=$1 out=$2 stamp=$3 cc=$4 cxx=$5
mkdir -p "$out/there" "$out/other"
rm -f "$out"/*.so "$out"/*/*.so "$out/failed"
flags="-shared -fPIC -O1 -g -Wall -Wextra -I$src -L$out"

so() {
	file=$1
	shift
	$cc -std=gnu11 -D_GNU_SOURCE $flags -Werror -o "$out/$file" "$@" || { echo "$file" >>"$out/failed"; return 0; }
}
maybe() {
	file=$1
	shift
	$cc -std=gnu11 -D_GNU_SOURCE $flags -o "$out/$file" "$@" 2>/dev/null || rm -f "$out/$file"
}
part() {
	name=$1
	shift
	so "$name.so" "$src/part.c" -DNAME="$name" "$@"
}
part alpha &
part beta -DV=20 &
part gamma -DV=30 &
part now -Wl,-z,now &
part lazy -Wl,-z,lazy &
part norelro -Wl,-z,norelro &
part together -Wl,-z,noseparate-code -Wl,--hash-style=sysv &
part aligned -Wl,-z,max-page-size=0x200000 &
part symbolic -Wl,-Bsymbolic &
part stripped -s &
wait
part ifunc -DIFUNC &
part tls -DTLS &
part tlsie -DTLS -ftls-model=initial-exec &
part silent -DSILENT &
part large -DLARGE &
part old -DONLY_INIT -nostartfiles -Wl,-init,old_init,-fini,old_fini &
part kept -Wl,-z,nodelete &
maybe relr.so "$src/part.c" -DNAME=relr -Wl,-z,pack-relative-relocs &
maybe gold.so "$src/part.c" -DNAME=gold -fuse-ld=gold &
maybe lld.so "$src/part.c" -DNAME=lld -fuse-ld=lld &
maybe textrel.so "$src/part.c" -DNAME=textrel -fno-pic -mcmodel=large -Wl,-z,notext &
wait
maybe tlsdesc.so "$src/part.c" -DNAME=tlsdesc -DTLS -mtls-dialect=gnu2 &
so registers.so "$src/registers.c" &
so exits.so "$src/registers.c" -DON_EXIT &
$cxx $flags -o "$out/objects.so" "$src/objects.cpp" || echo objects >>"$out/failed" &
$cxx $flags -DTHREADS -o "$out/threads.so" "$src/objects.cpp" || echo threads >>"$out/failed" &
$cxx $flags -DTHROWS -o "$out/throws.so" "$src/objects.cpp" || echo throws >>"$out/failed" &
# groups: a diamond, a circle, one that goes first, one bound to another without naming it, one that needs libm
part base &
part circle2 -DV=1 &
part early -Wl,-z,initfirst &
part first2 -DV=3 &
wait
origin='-Wl,--enable-new-dtags,-rpath,$ORIGIN'
part left -DNEED=base_add "$origin" -l:base.so &
part right -DNEED=base_add "$origin" -l:base.so &
part circle1 -DNEED=circle2_add "$origin" -l:circle2.so &
part later -DNEED=early_add "$origin" -l:early.so &
part loose -DNEED=gamma_add -Wl,-z,lazy &
so usesm.so "$src/part.c" -DNAME=usesm -Wl,--no-as-needed -lm &
wait
part circle2 -DV=1 -DNEED=circle1_add "$origin" -l:circle1.so &
part top "$origin" -Wl,--no-as-needed -l:left.so -l:right.so &
# an outsider, and a second user, of base
part outside -DNEED=base_add "$origin" -l:base.so &
# by soname, in folders
so there/libnamed.so "$src/part.c" -DNAME=named -Wl,-soname,libnamed.so.1 &
so there/libtogether.so "$src/part.c" -DNAME=named -Wl,-z,noseparate-code -Wl,-soname,libnamed.so.1 &
so other/libnamed.so "$src/part.c" -DNAME=named -DV=90 -Wl,-soname,libnamed.so.1 &
wait
part asks -DNEED=named_add -Wl,--enable-new-dtags,-rpath,'$ORIGIN/there' "$out/there/libnamed.so" &
wait
ln -sf libnamed.so "$out/there/libnamed.so.1"
ln -sf libnamed.so "$out/other/libnamed.so.1"
cp "$out/alpha.so" "$out/there/alpha.so"
[ ! -e "$out/failed" ] || { echo "not built: $(cat "$out/failed")" >&2; exit 1; }
touch "$stamp"
