// Counts what this thread takes from the heap.
#ifndef PINSAGE_ALLOCATION_COUNT_H
#define PINSAGE_ALLOCATION_COUNT_H

#include <stdbool.h>

/// Whether allocations are counted: not under a sanitizer, whose allocator is another.
bool allocation_count_works(void);
/// Allocations by this thread since it began: calls of malloc and its kin.
long allocation_count(void);

#endif
