/*
 * claim.c: a transaction's right to decide on something that has no row yet.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "claim.h"

static bool
try_lock(ClaimKind kind, int32 event_id, const char *name, LOCKMODE mode)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) name, strlen(name),
										   (uint64) event_id);
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, kind);
	return LockAcquire(&tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Claims the name within the event for this transaction; false when another
 * transaction has it.  Two names may share a lock by their hashes: that costs
 * a moment's wait, never an error.
 */
bool
claim_try(ClaimKind kind, int32 event_id, const char *name)
{
	return try_lock(kind, event_id, name, ExclusiveLock);
}

bool
claim_within(ClaimKind kind, int32 event_id, const char *name, BoundedWait *wait)
{
	while (!claim_try(kind, event_id, name))
		if (!bounded_wait(wait))
			return false;
	return true;
}

/* The same together with others who share it, and against those who do not. */
bool
claim_shared_within(ClaimKind kind, int32 event_id, const char *name, BoundedWait *wait)
{
	while (!try_lock(kind, event_id, name, ShareLock))
		if (!bounded_wait(wait))
			return false;
	return true;
}
