# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Installations of other releases and processors, in which tests/run works: makes them and enters them.

# The mirror of a release's distribution; Ubuntu's names are those that Debian's are not.
mirror_of()
{
	case $1 in
	buster) echo http://archive.debian.org/debian ;;
	bullseye | bookworm | trixie | forky | sid) echo http://deb.debian.org/debian ;;
	*)
		if [ "$arch" = arm64 ]; then
			echo http://ports.ubuntu.com/ubuntu-ports
		else
			echo http://archive.ubuntu.com/ubuntu
		fi
		;;
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

# Debian's name of the machine's processor.
own_arch()
{
	dpkg --print-architecture 2>/dev/null || case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) uname -m ;;
	esac
}

# Whether $arch is another processor's: then $emulated is what its programs start behind, and $slow says how many
# times longer everything may take. Fails where that cannot be, after a line that says why.
choose_processor()
{
	local how

	arch=${arch:-$(own_arch)}
	emulated=() slow=1
	case $arch in
	amd64 | arm64) ;;
	*) wrong_use "--arch takes arm64 or amd64" ;;
	esac
	[ "$arch" != "$(own_arch)" ] || return 0
	[ "$arch" = arm64 ] || { complain "skipped: programs of $arch are not emulated here"; return 1; }
	how=$("$root/tests/lib/emulated" aarch64 --how 2>&1) || { complain "skipped: $how"; return 1; }
	case $how in
	registered) say "arm64: by the qemu that this machine's binfmt_misc names" ;;
	namespace) say "arm64: by qemu, in a binfmt_misc of its own" ;;
	*) say "arm64: by qemu, registered with this machine's binfmt_misc meanwhile" ;;
	esac
	emulated=("$root/tests/lib/emulated" aarch64) slow=6
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
	say "debootstrap $1, $arch"
	rm -rf --one-file-system "$2.new"
	if ! children "${emulated[@]}" debootstrap --arch="$arch" --variant=minbase ${keyring:+"$keyring"} "$1" \
		"$2.new" "$(mirror_of "$1")" "$(script_of "$1")" >"$2.log" 2>&1; then
		complain "$1 cannot be had from $(mirror_of "$1"): $(tail -n 1 "$2.log")"
		return 1
	fi
	if [[ $(mirror_of "$1") == *ubuntu* ]]; then
		sed -i 's/ main$/ main universe/' "$2.new/etc/apt/sources.list"
	fi
	mv "$2.new" "$2"
}

# What git has and what is not committed yet. Its build folders stay, and a file that is the same: ninja builds what changed.
copy_tree()
{
	local there=$1$tree file

	commit=$(commit_of_tree | tr -d '\n')
	mkdir -p "$there" || return 1
	git -c safe.directory="$root" -C "$root" ls-files --cached --others --exclude-standard | sort >"$there.files"
	(cd "$there" && find . -path './build-*' -prune -o ! -type d -printf '%P\n') | sort | comm -13 "$there.files" - |
		while IFS= read -r file; do rm -f "$there/$file"; done
	while IFS= read -r file; do
		if [ ! -e "$root/$file" ]; then
			rm -f "$there/$file"
		elif ! cmp -s "$root/$file" "$there/$file"; then
			mkdir -p "$there/$(dirname "$file")" && cp -P --preserve=mode "$root/$file" "$there/$file" || return 1
		fi
	done <"$there.files"
	[ -e "$there/tests/run" ]
}

commit_of_tree()
{
	git -c safe.directory="$root" -C "$root" log -1 --format=%h 2>/dev/null || echo unknown
	[ -z "$(git -c safe.directory="$root" -C "$root" status --porcelain -- . ':!docs/support.md' 2>/dev/null)" ] || echo ' and changes'
}

# in_chroot DIR COMMAND: in namespaces of its own, so that mounts and processes end with it, however it ends.
in_chroot()
{
	# shellcheck disable=SC2016 # for the shell inside
	children "${emulated[@]}" unshare --mount --pid --ipc --fork --kill-child --propagation private sh -c '
		mount --bind "$0" "$0" && cd "$0" && mount -t proc proc proc && mount --rbind /sys sys &&
		mount --rbind /dev dev && mount -t tmpfs -o mode=1777 tmpfs dev/shm &&
		mount -t tmpfs -o mode=1777 tmpfs tmp || exit 125
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C "TESTS_SLOWER=$2" \
			CK_TIMEOUT_MULTIPLIER="$2" \
			DEMO_TIMEOUT=$((60 * $2)) chroot . sh -c "$1"' "$1" "cd $tree && $2" "$slow"
}

# A compiler that is emulated takes twelve times as long. So in an installation of another processor it is Debian's cross
# compiler of that release, and three packages of ours hold the place of those that have the emulated ones.
add_compiler()
{
	local log="$1.compiler.log"

	[ ${#emulated[@]} -gt 0 ] && [ ! -e "$1/usr/share/doc/symfast-cross" ] || return 0
	say "the cross compiler of $(own_arch) for $arch"
	in_chroot "$1" "tests/lib/cross-compiler $(own_arch) $arch aarch64-linux-gnu" >"$log" 2>&1 && return 0
	complain "no cross compiler in $1: $(grep -E '^E: ' "$log" | tail -n 1) (see $log)"
	return 1
}

# make_chroot RELEASE DIR: with the tree in $tree.
make_chroot()
{
	bootstrap "$1" "$2" || return 1
	cp -L /etc/resolv.conf "$2/etc/resolv.conf"
	# Where an interrupt came while it installed.
	children "${emulated[@]}" chroot "$2" dpkg --configure -a >/dev/null 2>&1
	copy_tree "$2" || { complain "cannot copy the tree to $2"; return 1; }
	add_compiler "$2"
}
