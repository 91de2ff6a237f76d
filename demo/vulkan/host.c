// SPDX-License-Identifier: BSD-2-Clause
// host.c: N Vulkan instances; each asks for its devices and is destroyed.
#include "cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <vulkan/vulkan.h>

static long long
once(void)
{
	const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
	VkInstance instance;
	uint32_t devices = 0;

	if (vkCreateInstance(&info, NULL, &instance) != VK_SUCCESS)
		return 0;
	vkEnumeratePhysicalDevices(instance, &devices, NULL);
	vkDestroyInstance(instance, NULL);
	return devices;
}

int
main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0;
	long long devices = cpu_measure(4, n, once, "Vulkan instance");

	printf("%d instances, %lld devices\n", n, devices);
	return devices == 0;
}
