/* Preloaded into members: fdatasync takes 50 ms more where a file "slow-sync" lies beside the one to be synced. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int fd)
{
    static int (*real)(int);
    char link[64], path[PATH_MAX + 16];
    const struct timespec pause = {0, 50 * 1000 * 1000};

    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX);
    if (length > 0) {
        path[length] = 0;
        strcpy(strrchr(path, '/') + 1, "slow-sync");
        if (access(path, F_OK) == 0)
            nanosleep(&pause, NULL);
    }
    return real(fd);
}
