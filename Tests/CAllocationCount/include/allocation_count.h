// Counts what this thread takes from the heap.
#ifndef PINSAGE_ALLOCATION_COUNT_H
#define PINSAGE_ALLOCATION_COUNT_H

/// Allocations by this thread since it began: calls of malloc and its kin.
long allocation_count(void);

#endif
