/* Options that several tests need. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <fastpar.h>
#include <string.h>

/* A chunk for each item, on at most so many lanes; 0: all. */
static inline fastpar_loop_options each_item(uint32_t max_lanes)
{
  fastpar_loop_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.schedule = FASTPAR_SCHEDULE_GRAIN;
  options.grain = 1;
  options.max_lanes = max_lanes;
  return options;
}

#endif
