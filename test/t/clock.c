/*
 * A clock that is as many seconds off as the file says that TEST_CLOCK names; for LD_PRELOAD.  (libfaketime will not
 * do: what PostgreSQL 15 starts amid its postmaster's select() has the real clock for good.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static const volatile long *offset;

__attribute__((constructor)) static void
map_offset(void)
{
	const char *name = getenv("TEST_CLOCK");
	int			file = name ? open(name, O_RDONLY) : -1;
	void	   *map = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);

	if (map == MAP_FAILED)
		abort();
	offset = map;
	close(file);
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	int			result = (int) syscall(SYS_gettimeofday, now, zone);

	now->tv_sec += *offset;
	return result;
}
