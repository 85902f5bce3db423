/*
 * worker_maker.c: the workers of an extension that has just been made wait.
 *
 * What comes next may be a restore, which brings bookings before their seats,
 * and waiting rooms before the count of their entries.  So who makes the
 * extension holds its database back beyond the transaction: until the session
 * ends, somebody's call makes work, or start_worker() is called.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"

#include "worker_held.h"
#include "worker_maker.h"
#include "worker_shared.h"

/* The workers of the database wait for its maker no more, if they still did.  Must not fail. */
void
worker_maker_done(WorkerDatabase *entry)
{
	Oid			database = entry->database;
	bool		waited;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	waited = (entry->maker != 0);
	entry->maker = 0;
	LWLockRelease(worker_shared->lock);
	if (!waited)
		return;
	worker_unhold(database);
	worker_ask_standing(database);
}

/* The session that made the extension ends. */
static void
maker_ends(int code, Datum arg)
{
	WorkerDatabase *entry = worker_database_find(MyDatabaseId);

	if (entry != NULL && entry->maker == MyProcPid)
		worker_maker_done(entry);
}

/* The extension is being made in this transaction: none of its workers is to see it until they may begin. */
void
worker_maker_holds(void)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(maker_ends, 0);
	registered = true;
	worker_hold(MyDatabaseId);
}

/* The transaction has committed; its own hold of the database is still on.  Must not fail. */
void
worker_maker_commits(void)
{
	WorkerDatabase *entry;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = worker_database_find(MyDatabaseId);
	if (entry != NULL)
	{
		entry->held += (entry->maker == 0);
		entry->maker = MyProcPid;
	}
	LWLockRelease(worker_shared->lock);
}
