// gzip and Zstandard streams (packages zlib1g-dev and libzstd-dev).
#include <zlib.h>
#include <zstd.h>
