# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Finds which Debian packages of demo/packages are missing, and installs those with apt.

# The packages for "build" and the given cases, one per line.
packages_for()
{
	awk -v wanted=" build $* " '
		/^#/ { next }
		index(wanted, " " $1 " ") { for (i = 2; i <= NF; i++) print $i }
	' "$DEMO_DIR/packages" | sort -u
}

# Reads names, prints those that dpkg does not have installed.
packages_missing()
{
	local package state

	while read -r package; do
		# One package per query: a name dpkg never heard of fails the whole list.
		# shellcheck disable=SC2016 # dpkg-query's own ${field}, not the shell's
		state=$(dpkg-query -W -f='${db:Status-Status} ' "$package" 2>/dev/null)
		[[ $state == *"installed "* && $state != *"not-installed"* ]] || echo "$package"
	done
}

apt_quietly()
{
	local as_root=()

	[ "$(id -u)" -eq 0 ] || as_root=(sudo)
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
		apt-get -o DPkg::Lock::Timeout=120 "$@" </dev/null >>"$DEMO_WORK/apt.log" 2>&1
}

install_packages()
{
	local missing

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		complain "no apt here; these Debian packages, or your system's like, are needed:" \
			"$(packages_for "$@" | tr '\n' ' ')"
		return 1
	fi
	mapfile -t missing < <(packages_for "$@" | packages_missing)
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		complain "not root and no sudo; please install: ${missing[*]}"
		return 1
	fi
	echo "Installing with apt, once: ${missing[*]}"
	# One unreachable third-party archive fails an update; the install tells whether it mattered.
	apt_quietly update
	apt_quietly install -y --no-install-recommends "${missing[@]}" && return 0
	complain "apt could not install them; the end of $DEMO_WORK/apt.log:"
	tail -n 5 "$DEMO_WORK/apt.log" >&2
	return 1
}
