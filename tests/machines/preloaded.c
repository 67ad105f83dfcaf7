/* Preloaded into a member: syncs fail or take longer, as the file that CORRAL_TEST_SYNCS names says at that moment. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile const int *state; /* errno to fail with, ms to wait before; both 0: as ever */

__attribute__((constructor)) static void map_state(void)
{
    const char *path = getenv("CORRAL_TEST_SYNCS");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    void *found = mmap(NULL, 2 * sizeof(int), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (found != MAP_FAILED)
        state = found;
}

static int spoiled(void)
{
    if (!state)
        return 0;
    if (state[1] > 0) {
        struct timespec pause = {state[1] / 1000, state[1] % 1000 * 1000000L};
        nanosleep(&pause, NULL);
    }
    errno = state[0];
    return state[0];
}

#define SPOILED(name)                                        \
    int name(int fd)                                         \
    {                                                        \
        static int (*real)(int);                             \
        if (!real)                                           \
            real = (int (*)(int))dlsym(RTLD_NEXT, #name);    \
        return spoiled() ? -1 : real(fd);                    \
    }

SPOILED(fsync)
SPOILED(fdatasync)
