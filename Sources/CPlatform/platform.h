// What Swift's Glibc module does not export, as static inline functions: prefetch, CPU features,
// signal and event descriptors, malloc limits, parent-death signal, thread affinity.
#ifndef PINSAGE_PLATFORM_H
#define PINSAGE_PLATFORM_H

// Without _GNU_SOURCE: with it, types of the C library would differ from those that Foundation was built with.
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Asks for the cache line at `address` in all cache levels. Never faults.
static inline void platform_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }
/// Asks for the cache line at `address` in the second-level cache and beyond. Never faults.
static inline void platform_prefetch_l2(const void *address) { __builtin_prefetch(address, 0, 2); }

/// A pause inside a spin loop.
static inline void platform_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/// 2: AVX-512 (F, BW, CD, DQ, VL: x86-64-v4). 1: AVX2 and FMA (x86-64-v3). 0: anything else.
static inline int platform_instruction_set(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
        && __builtin_cpu_supports("bmi2");
    int v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
    return v4 ? 2 : v3 ? 1 : 0;
#else
    return 0;
#endif
}

/// 1: the CPU multiplies pairs of bfloat16 (AVX512_BF16). 0: it does not.
static inline int platform_has_bfloat16(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16") ? 1 : 0;
#else
    return 0;
#endif
}

/// Blocks SIGINT and SIGTERM in this thread and those it will start; returns a non-blocking signalfd
/// that becomes readable when one of them arrives, or −1 with errno.
static inline int platform_signal_descriptor(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (pthread_sigmask(SIG_BLOCK, &set, 0) != 0) return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/// Reads one pending signal; returns its number, or 0 when there is none.
static inline int platform_read_signal(int descriptor) {
    struct signalfd_siginfo info;
    return read(descriptor, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

/// A non-blocking eventfd, or −1 with errno.
static inline int platform_event_descriptor(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

/// A descriptor that is readable while one of two others is (−1 stands for none), or −1 with errno.
static inline int platform_either_descriptor(int first, int second) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    int members[2] = {first, second};
    for (int i = 0; i < 2 && set >= 0; i++) {
        struct epoll_event wanted = {.events = EPOLLIN};
        if (members[i] >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, members[i], &wanted) != 0) {
            close(set);
            return -1;
        }
    }
    return set;
}

/// Keeps blocks of up to 1 GiB on the heap instead of returning them to the kernel after each use:
/// messages over 16 MB are otherwise mapped and faulted in anew every time.
static inline void platform_keep_large_blocks(void) {
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

/// Gives blocks of 128 KiB and more back to the kernel when they are freed, whatever came and went before: for a process
/// that uses its large blocks again itself, so that those it has outgrown cost nothing.
static inline void platform_return_large_blocks(void) { mallopt(M_MMAP_THRESHOLD, 128 << 10); }

/// Makes `byteCount` bytes of the heap 0. Of 256 KiB and more, whole pages go back to the kernel until they are touched.
static inline void platform_clear(void *address, size_t byteCount) {
    const uintptr_t page = 4096;
    uintptr_t start = (uintptr_t)address, end = start + byteCount;
    uintptr_t first = (start + page - 1) & ~(page - 1), last = end & ~(page - 1);
    if (byteCount < 256 << 10 || madvise((void *)first, last - first, MADV_DONTNEED) != 0) {
        memset(address, 0, byteCount);
        return;
    }
    memset(address, 0, first - start);
    memset((void *)last, 0, end - last);
}

/// Asks for huge pages below `byteCount` bytes at `address`, a page's start; before the first touch. Advice only.
static inline void platform_prefer_huge_pages(void *address, size_t byteCount) {
    madvise(address, byteCount, MADV_HUGEPAGE);
}

/// Makes a private mapping longer, elsewhere if need be, without a copy (mremap); its address, or MAP_FAILED with errno.
static inline void *platform_grow(void *address, size_t byteCount, size_t newByteCount) {
    return (void *)syscall(SYS_mremap, address, byteCount, newByteCount, 1 /* MREMAP_MAYMOVE */, 0);
}

/// Lets the kernel begin to write a part of a file to the disk (sync_file_range); waits for nothing. Advice only.
static inline void platform_begin_writing(int descriptor, int64_t offset, int64_t byteCount) {
    syscall(SYS_sync_file_range, descriptor, offset, byteCount, 2 /* SYNC_FILE_RANGE_WRITE */);
}

/// Exchanges two files or folders in one step (renameat2 with RENAME_EXCHANGE); 0, or −1 with errno.
static inline int platform_exchange(const char *a, const char *b) {
    return (int)syscall(SYS_renameat2, -100 /* AT_FDCWD */, a, -100, b, 2 /* RENAME_EXCHANGE */);
}

/// Memory that is mapped from files, and what to say when one of them has become shorter than its map.
struct platform_map {
    uintptr_t start, end;
    char *message;
};
enum { platform_map_count = 256 };
static inline struct platform_map *platform_maps(void) {
    static struct platform_map maps[platform_map_count];
    return maps;
}

static inline void platform_on_bus_error(int number, siginfo_t *info, void *context) {
    (void)context;
    uintptr_t address = (uintptr_t)info->si_addr;
    for (int i = 0; i < platform_map_count; i++) {
        struct platform_map *map = &platform_maps()[i];
        if (map->message && address >= map->start && address < map->end) {
            (void)!write(2, map->message, strlen(map->message));
            _exit(1);
        }
    }
    signal(number, SIG_DFL);
}

/// From now on a read beyond the end of the file mapped at `start` writes `message` and ends the process with 1,
/// instead of killing it. Returns a handle for `platform_forget_map`, −1 when there is no room for more. Not for two
/// threads at once, and from one source file: each has a table of its own.
static inline int platform_watch_map(const void *start, size_t length, const char *message) {
    struct sigaction action = {.sa_sigaction = platform_on_bus_error, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, 0);
    for (int i = 0; i < platform_map_count; i++) {
        struct platform_map *map = &platform_maps()[i];
        if (map->message) continue;
        map->start = (uintptr_t)start;
        map->end = (uintptr_t)start + length;
        map->message = strdup(message);
        return i;
    }
    return -1;
}

static inline void platform_forget_map(int handle) {
    if (handle < 0) return;
    char *message = platform_maps()[handle].message;
    platform_maps()[handle].message = 0;
    free(message);
}

/// Takes the pages of all watched maps from this process; they come back when touched. Not beside another call.
static inline void platform_release_maps(void) {
    for (int i = 0; i < platform_map_count; i++) {
        struct platform_map *map = &platform_maps()[i];
        if (map->message) madvise((void *)map->start, map->end - map->start, MADV_DONTNEED);
    }
}

/// This process gets SIGTERM when the thread that started it ends.
static inline int platform_stop_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGTERM); }

#endif

