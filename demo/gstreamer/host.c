// SPDX-License-Identifier: BSD-2-Clause
// host.c: N GStreamer pipelines of a short sound to nowhere.
#include "cpu.h"

#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>

static int
once(void)
{
	GstElement *pipeline = gst_parse_launch("audiotestsrc num-buffers=2 ! fakesink", NULL);
	GstMessage *message;
	GstBus *bus;
	int good;

	if (pipeline == NULL)
		return 0;
	bus = gst_element_get_bus(pipeline);
	gst_element_set_state(pipeline, GST_STATE_PLAYING);
	message = gst_bus_timed_pop_filtered(bus, 10 * GST_SECOND,
					     GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
	good = message != NULL && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
	if (message != NULL)
		gst_message_unref(message);
	gst_element_set_state(pipeline, GST_STATE_NULL);
	gst_object_unref(bus);
	gst_object_unref(pipeline);
	return good;
}

int
main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0, good = 0;
	double begin;

	gst_init(NULL, NULL);
	once();
	begin = cpu_us();
	for (int i = 0; i < n; i++)
		good += once();
	dprintf(3, "metric %.3f us GStreamer pipeline, CPU time\n", (cpu_us() - begin) / n);
	printf("%d pipelines, %d ended well\n", n, good);
	return good != n;
}
