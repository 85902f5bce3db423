/*
 * What a backend remembers of events and venues, so that a reservation reads
 * no table for what does not change while it sells.
 */
#ifndef TIXBOOK_CATALOG_H
#define TIXBOOK_CATALOG_H

#include "datatype/timestamp.h"
#include "storage/itemptr.h"

#include "cache.h"
#include "errors.h"
#include "seatmap.h"
#include "venue_scores.h"

/* The static half of a seat block: where it is and what its seats are worth. */
typedef struct VenueBlock
{
	int32		first_seat;		/* its seat_index */
	int32		capacity;
	int16		section;		/* position in the layout's sections */
	int16		category_no;
	bool		standing;
	float4		best_score;		/* of its best seat */
	float4	   *score;			/* a seat: its distance from the focal point */
	float4	   *off_centre;		/* a seat: its distance from the centre line */
	Seatmap    *accessible;		/* NULL: none */
} VenueBlock;

typedef struct RankedBlock
{
	int32		block_no;
	float4		score;
} RankedBlock;

/* Blocks by the score of their best seats, best first. */
typedef struct Ranking
{
	int32		n;
	RankedBlock *blocks;
} Ranking;

typedef struct VenueSection
{
	char	   *name;
	int16		section_no;
	int32		first_block;	/* its blocks lie in [first_block, end_block) */
	int32		end_block;
	Ranking		ranking;
} VenueSection;

typedef struct VenueLayout
{
	int32		venue_id;
	MemoryContext context;
	int32		nblocks;
	VenueBlock *blocks;			/* by block_no */
	Ranking		ranking;
	int32		nsections;
	VenueSection *sections;
	int32		ncategories;	/* category numbers are below it */
	char	  **categories;		/* name by category_no, or NULL */
	struct VenueScores *scores; /* in shared memory, or NULL */
} VenueLayout;

typedef enum SaleStatus
{
	SALE_DRAFT,
	SALE_ON,
	SALE_PAUSED,
	SALE_CLOSED,
	SALE_STATUSES
} SaleStatus;

/*
 * What this backend last saw of a block: only a hint where to look first.
 * A stale hint costs a look at a block in vain, or a less good seat for some
 * seconds; it never decides that seats are gone.
 */
typedef struct BlockHint
{
	float4		score;			/* of the best run last found there: it only gets worse */
	int32		run;			/* no longer run was free */
	uint32		given_back;		/* how often seats had come back, by the map in shared memory */
	ItemPointerData place;		/* where its row was; invalid: unknown */
} BlockHint;

/* The most promising blocks for parties of one size, best first, for a while. */
#define MAX_FRONT 68

typedef struct Front
{
	int32		quantity;
	int32		category_no;
	int			uses_left;
	int			n;
	RankedBlock blocks[MAX_FRONT];	/* by their hints' scores, which are far apart in memory */
} Front;

typedef struct EventHints
{
	MemoryContext context;
	Front	  **fronts;			/* by section; the last one for all of them */
	BlockHint  *blocks;			/* by block_no */
	TimestampTz next_survey;	/* when they are renewed */
	float4		spread;			/* how many blocks to spread over: grows as others are met */
} EventHints;

/* The waiting room of an event, but for its pointer, which moves with each tick. */
#define DRAW_SEED_LENGTH 32
#define ROOM_KEY_LENGTH 32

typedef struct WaitingRoom
{
	int32		event_id;
	TimestampTz starts_at;
	double		admit_per_second;
	int32		max_active;
	int64		session;		/* microseconds */
	int64		no_show;		/* microseconds */
	int32		proof_of_work;	/* bits */
	int32		entries_per_address;	/* 0: no limit */
	bool		paused;
	bool		closed;
	bool		has_beacon;
	int64		drawn;			/* entries below it take part in the draw; -1: not started */
	TimestampTz drawn_at;
	bool		has_seed;
	uint8		seed[DRAW_SEED_LENGTH];
	char	   *seed_hash;		/* in hexadecimal */
	uint8		token_key[ROOM_KEY_LENGTH];
	Oid			sequence;		/* that numbers its entries */
	CacheRef	hints_ref;		/* where its hints were found in shared memory */
} WaitingRoom;

typedef struct Event
{
	int32		event_id;
	MemoryContext context;
	VenueLayout *layout;
	SaleStatus	status;
	TimestampTz sale_starts_at; /* DT_NOBEGIN: at once */
	TimestampTz sale_ends_at;	/* DT_NOEND: not by itself */
	int32		max_per_booking;
	int32		max_per_customer;	/* 0: no limit */
	Interval	hold_ttl;		/* all zero: the setting */
	char	   *currency;
	int32		capacity;
	int64	   *price;			/* by category_no; -1: not for sale */

	WaitingRoom *room;			/* NULL: it has none */
	EventHints *hints;
	CacheRef	map_ref;		/* where its seat map was found in shared memory */
} Event;

extern void catalog_init(void);

/* The event, valid until the transaction ends; NULL: there is none. */
extern Event *catalog_event(int32 event_id);

/* Scores are loaded when a block is first looked at closely; standing ones have none. */
extern void catalog_need_scores(VenueLayout *layout, int32 block_no);
extern int32 catalog_find_section(const VenueLayout *layout, const char *name);	/* -1: none */
extern int32 catalog_find_category(const VenueLayout *layout, const char *name);	/* -1: none */
extern int32 catalog_block_of_seat(const VenueLayout *layout, int32 seat_index);	/* -1: none */

#endif
