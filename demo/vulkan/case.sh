# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A Vulkan instance for each use: the loader opens the driver, here Mesa's on the CPU, and closes it with the instance.
case_order=29
case_title='Vulkan instance with lavapipe, create and destroy'
case_note='SYMFAST_RETAIN=libvulkan_*.so:libVkLayer_*.so'
case_full=yes
case_env=('SYMFAST_RETAIN=libvulkan_*.so:libVkLayer_*.so')

case_prepare()
{
	vulkan_driver=$(first_of /usr/share/vulkan/icd.d/lvp_icd*.json) || { case_skip='no lavapipe here'; return 77; }
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c" -lvulkan
}

case_run()
{
	under env VK_ICD_FILENAMES="$vulkan_driver" VK_DRIVER_FILES="$vulkan_driver" XDG_CACHE_HOME="$CASE_WORK" "$CASE_WORK/host" \
		"$(amount 200 60)"
}
