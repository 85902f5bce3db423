/*
 * SQL that runs as the owner of the tables, on which a caller has no rights;
 * so it must not find the caller's operators either.
 */
#ifndef TIXBOOK_AS_OWNER_H
#define TIXBOOK_AS_OWNER_H

typedef struct AsOwner
{
	Oid			user;
	int			context;
	int			settings;
} AsOwner;

/* What lies between them runs as the owner of the tables, by a fresh snapshot. */
extern void become_owner(AsOwner *saved);
extern void become_caller(const AsOwner *saved);

#endif
