# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# tests/run --suite-of: both commands in a fresh installation of another release, and a line of what came of it.

# The mirror of a release's distribution; Ubuntu's names are those that Debian's are not.
mirror_of()
{
	case $1 in
	bullseye | bookworm | trixie | forky | sid) echo http://deb.debian.org/debian ;;
	*) echo http://archive.ubuntu.com/ubuntu ;;
	esac
}

# debootstrap knows a release by its script; newer ones are made as their distribution's others are.
script_of()
{
	local scripts=/usr/share/debootstrap/scripts

	if [ -e "$scripts/$1" ]; then
		echo "$scripts/$1"
	elif [[ $(mirror_of "$1") == *ubuntu* ]]; then
		echo "$scripts/jammy"
	else
		echo "$scripts/sid"
	fi
}

# Ubuntu's archive key is a package of Debian's as well; without it nothing is installed unchecked.
keyring_of()
{
	local file

	[[ $(mirror_of "$1") == *ubuntu* ]] || return 0
	file=/usr/share/keyrings/ubuntu-archive-keyring.gpg
	[ -e "$file" ] && echo "--keyring=$file"
}

# bootstrap RELEASE DIR: whole or not at all.
bootstrap()
{
	local keyring

	[ ! -e "$2/etc/os-release" ] || return 0
	if ! keyring=$(keyring_of "$1"); then
		complain "$1: the archive's key is not here (package ubuntu-archive-keyring or ubuntu-keyring)"
		return 1
	fi
	say "debootstrap $1"
	rm -rf --one-file-system "$2.new"
	if ! children debootstrap --variant=minbase ${keyring:+"$keyring"} "$1" "$2.new" "$(mirror_of "$1")" \
		"$(script_of "$1")" >"$2.log" 2>&1; then
		complain "$1 cannot be had from $(mirror_of "$1"): $(tail -n 1 "$2.log")"
		return 1
	fi
	if [[ $(mirror_of "$1") == *ubuntu* ]]; then
		sed -i 's/ main$/ main universe/' "$2.new/etc/apt/sources.list"
	fi
	mv "$2.new" "$2"
}

# What git has and what is not committed yet, without what was built.
copy_tree()
{
	commit=$(commit_of_tree | tr -d '\n')
	rm -rf --one-file-system "$1$tree" && mkdir -p "$1$tree" || return 1
	git -c safe.directory="$root" -C "$root" ls-files -z --cached --others --exclude-standard |
		(cd "$root" && xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
			tar -c --null -T - -f -) | tar -x -f - -C "$1$tree"
	[ -e "$1$tree/tests/run" ]
}

# in_chroot DIR COMMAND: in namespaces of its own, so that mounts and processes end with it, however it ends.
in_chroot()
{
	# shellcheck disable=SC2016 # for the shell inside
	children unshare --mount --pid --ipc --fork --kill-child --propagation private sh -c '
		mount --bind "$0" "$0" && cd "$0" && mount -t proc proc proc && mount --rbind /sys sys &&
		mount --rbind /dev dev && mount -t tmpfs -o mode=1777 tmpfs dev/shm &&
		mount -t tmpfs -o mode=1777 tmpfs tmp || exit 125
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C \
			chroot . sh -c "$1"' "$1" "cd $tree && $2"
}

commit_of_tree()
{
	git -c safe.directory="$root" -C "$root" log -1 --format=%h 2>/dev/null || echo unknown
	[ -z "$(git -c safe.directory="$root" -C "$root" status --porcelain -- . ':!docs/support.md' 2>/dev/null)" ] || echo ' and changes'
}

# record DIR RELEASE WHAT RESULT: one line for that command there, in the place of an older one.
record()
{
	# shellcheck disable=SC2016
	local facts='. /etc/os-release; echo "$PRETTY_NAME"; getconf GNU_LIBC_VERSION; cc -dumpfullversion 2>/dev/null || echo -'

	chroot "$1" sh -c "$facts" | python3 "$root/tests/lib/support.py" "$root/docs/support.md" "$2" "$3" "$4" \
		"$(date +%F)" "$commit"
}

# one_command DIR RELEASE COMMAND: runs and records it.
one_command()
{
	local log status result tee left

	log="$1.$(basename "$(dirname "${3%% *}")").log"
	say "$2: $3"
	# Not a pipeline: bash would run no trap before its end.
	exec 8> >(exec tee "$log")
	tee=$!
	in_chroot "$1" "$3" >&8 2>&1 8>&-
	status=$?
	exec 8>&-
	wait "$tee"
	if [[ $3 == *tests/run* ]]; then
		result=$(grep -E '^[0-9]+ passed, ' "$log" | tail -n 1)
	else
		result="$(grep -c ' yes$' "$log") rows, all outputs the same"
		left=$(grep -oE '^[a-z]+ +(left out|skipped)' "$log" | cut -d' ' -f1 | paste -sd' ')
		[ -z "$left" ] || result+="; left out: $left"
	fi
	[ "$status" -eq 0 ] || result="exit status $status; ${result:-no result}"
	record "$1" "$2" "$3" "$result"
	return "$status"
}

# suite_of RELEASE [demo|tests] WORDS...: both commands, or that one; the words are for tests/run there.
suite_of()
{
	local name=$1 dir status=0 left commit
	shift

	tree=/srv/symfast
	chroots=${chroots:-${XDG_CACHE_HOME:-$HOME/.cache}/symfast/chroots}
	dir=$chroots/$name
	if [[ ! $name =~ ^[a-z]+$ || $chroots/ == "$root"/* ]]; then
		wrong_use "--suite-of takes a release's name, --chroots a folder outside of the source tree"
	elif [ "$(id -u)" -ne 0 ]; then
		complain "--suite-of makes a chroot, which only root may: sudo tests/run --suite-of $name"
		return 1
	elif ! has debootstrap; then
		complain "--suite-of needs debootstrap, unshare and git: apt install debootstrap"
		return 1
	fi
	mkdir -p "$chroots" || return 1
	exec 9>>"$dir.lock"
	flock -n 9 || { complain "another tests/run works in $dir"; return 1; }
	bootstrap "$name" "$dir" || return 1
	cp -L /etc/resolv.conf "$dir/etc/resolv.conf"
	# Where an interrupt came while it installed.
	children chroot "$dir" dpkg --configure -a >/dev/null 2>&1
	copy_tree "$dir" || { complain "cannot copy the tree to $dir"; return 1; }
	if [ "${1:-}" != tests ]; then
		one_command "$dir" "$name" ./demo/run || status=1
	fi
	if [ "${1:-}" != demo ]; then
		[ "${1:-}" != tests ] || shift
		one_command "$dir" "$name" "./tests/run${*:+ $*}" || status=1
	fi
	return $status
}
