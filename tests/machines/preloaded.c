/* Preloaded into a member: syncs fail, lie or take longer, as the file that CORRAL_TEST_SYNCS names says just then. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile const int *state; /* errno to fail with, -1: say that it is done; ms to wait before. 0: as ever */

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

/* Whether there is no real sync; what it returns then is in *result. */
static int spoiled(int *result)
{
    if (!state)
        return 0;
    if (state[1] > 0) {
        struct timespec pause = {state[1] / 1000, state[1] % 1000 * 1000000L};
        nanosleep(&pause, NULL);
    }
    if (!state[0])
        return 0;
    *result = state[0] == -1 ? 0 : -1;
    errno = state[0] == -1 ? 0 : state[0];
    return 1;
}

#define SPOILED(name)                                        \
    int name(int fd)                                         \
    {                                                        \
        static int (*real)(int);                             \
        if (!real)                                           \
            real = (int (*)(int))dlsym(RTLD_NEXT, #name);    \
        int result;                                          \
        return spoiled(&result) ? result : real(fd);         \
    }

SPOILED(fsync)
SPOILED(fdatasync)
