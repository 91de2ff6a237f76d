# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Finds which Debian packages of a list are missing, and installs those with apt. Used by demo/run and
# tests/run, which give $apt_log and the function complain.
#
# A list has lines "STEP PACKAGE...". A package may be several names, the oldest release's first, as
# libllvm14|libllvm19: the first that is installed will do, or else the first that apt knows.

# What steps cannot have here, by step; read after install_packages.
declare -A left_out=()

# packages_for LIST STEP...: one line "STEP NAMES" for each package of these steps; "all" is every step.
packages_for()
{
	local list=$1

	shift
	awk -v wanted=" $* " '
		/^#/ { next }
		wanted == " all " || index(wanted, " " $1 " ") {
			for (i = 2; i <= NF; i++)
				if (!seen[$1, $i]++) print $1, $i
		}
	' "$list"
}

package_installed()
{
	local name state

	for name in ${1//|/ }; do
		# One name per query: a name dpkg never heard of fails the whole list.
		# shellcheck disable=SC2016 # dpkg-query's own ${field}, not the shell's
		state=$(dpkg-query -W -f='${db:Status-Status} ' "$name" 2>/dev/null)
		[[ " $state" == *" installed "* ]] && return 0
	done
	return 1
}

# The first of NAMES that apt could install, or nothing.
package_known()
{
	local name

	for name in ${1//|/ }; do
		# Not grep -q: it would end first, and where pipefail is set that counts.
		apt-cache policy "$name" 2>/dev/null | grep '^ *Candidate: [^(]' >/dev/null || continue
		echo "$name"
		return 0
	done
	return 1
}

apt_quietly()
{
	local as_root=()

	[ "$(id -u)" -eq 0 ] || as_root=(sudo)
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
		apt-get -o DPkg::Lock::Timeout=120 "$@" </dev/null >>"$apt_log" 2>&1
}

# Says once why packages cannot be installed here at all.
may_install()
{
	local why

	[ "$(id -u)" -ne 0 ] || return 0
	if ! command -v sudo >/dev/null; then
		complain "not root and no sudo; not installed: $*"
		return 1
	fi
	why=$(sudo true 2>&1 >/dev/null) && return 0
	complain "sudo refused: $(tail -n 1 <<<"$why"); not installed: $*"
	return 1
}

# install_packages LIST STEP...: 1 if something that exists could not be installed.
install_packages()
{
	local step names name missing=() chosen=()

	while read -r step names; do
		package_installed "$names" || missing+=("$step $names")
	done < <(packages_for "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	mapfile -t chosen < <(printf '%s\n' "${missing[@]#* }" | sort -u)
	may_install "${chosen[@]}" || return 1
	# One unreachable third-party archive fails an update; the install tells whether it mattered.
	apt_quietly update
	chosen=()
	for name in "${missing[@]}"; do
		read -r step names <<<"$name"
		if name=$(package_known "$names"); then
			[[ " ${chosen[*]} " == *" $name "* ]] || chosen+=("$name")
		else
			left_out[$step]="no package ${names//|/, } in this release"
		fi
	done
	[ ${#chosen[@]} -gt 0 ] || return 0
	echo "Installing with apt, once: ${chosen[*]}"
	apt_quietly install -y --no-install-recommends "${chosen[@]}" && return 0
	install_singly "${chosen[@]}"
}

# Two of them may not go together, or one may be broken: all that can be had, one by one.
install_singly()
{
	local name status=0

	for name; do
		apt_quietly install -y --no-install-recommends "$name" && continue
		complain "apt could not install $name: $(grep -E '^E: |^sudo: ' "$apt_log" | tail -n 1)" \
			"(see $apt_log)"
		status=1
	done
	return $status
}
