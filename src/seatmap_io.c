/*
 * The text form, '20:{0-3,17}', and the binary form of seat maps.
 *
 * Text input is lenient where the meaning is plain: white space between
 * tokens, ranges in any order, overlapping or adjacent. Output is canonical:
 * ascending maximal runs, one of two seats or more as first-last. Binary input
 * has one form only.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "seatmap.h"
#include "seatmap_check.h"

/* The longest run in text: two seats, a dash and a comma, with room to spare. */
#define RUN_TEXT_SIZE 32

typedef struct SeatmapReader
{
	const char *input;			/* all of it, for the error message */
	const char *at;
	fmNodePtr	escontext;
} SeatmapReader;

static bool
refuse_syntax(SeatmapReader *reader, const char *detail)
{
	ereturn(reader->escontext, false,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", "seatmap", reader->input),
			 errdetail("%s", detail)));
}

static bool
refuse_capacity(SeatmapReader *reader)
{
	ereturn(reader->escontext, false,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("capacity of a seatmap cannot exceed %d", SEATMAP_MAX_CAPACITY)));
}

static bool
refuse_seat(SeatmapReader *reader, const char *digits, int32 capacity)
{
	ereturn(reader->escontext, false,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("seat %.*s is not in a seatmap of capacity %d",
					(int) strspn(digits, "0123456789"), digits, capacity)));
}

/* By hand: isspace() depends on the locale, and the result must not. */
static void
skip_space(SeatmapReader *reader)
{
	reader->at += strspn(reader->at, " \t\n\r\v\f");
}

/* Takes the token if it comes next, with the white space around it. */
static bool
take(SeatmapReader *reader, char token)
{
	skip_space(reader);
	if (*reader->at != token)
		return false;
	reader->at++;
	skip_space(reader);
	return true;
}

/* A number below limit, or limit itself for all that are not; false when there is none. */
static bool
take_number(SeatmapReader *reader, int32 limit, int32 *number)
{
	int64		value = 0;

	if (*reader->at < '0' || *reader->at > '9')
		return refuse_syntax(reader, "A number is expected where there is none.");
	for (; *reader->at >= '0' && *reader->at <= '9'; reader->at++)
		value = Min(value * 10 + (*reader->at - '0'), (int64) limit);
	*number = (int32) value;
	return true;
}

static bool
take_seat(SeatmapReader *reader, int32 capacity, int32 *seat)
{
	const char *digits = reader->at;

	if (!take_number(reader, capacity, seat))
		return false;
	return *seat < capacity || refuse_seat(reader, digits, capacity);
}

static bool
take_range(SeatmapReader *reader, Seatmap *map)
{
	int32		first;
	int32		last;

	if (!take_seat(reader, map->capacity, &first))
		return false;
	last = first;
	if (take(reader, '-') && !take_seat(reader, map->capacity, &last))
		return false;
	if (last < first)
		return refuse_syntax(reader, "A range ends before it begins.");
	seatmap_set_range(map, first, last + 1);
	return true;
}

static bool
take_seats(SeatmapReader *reader, Seatmap *map)
{
	if (!take(reader, '{'))
		return refuse_syntax(reader, "The seats must begin with \"{\".");
	if (!take(reader, '}'))
	{
		do
		{
			if (!take_range(reader, map))
				return false;
		} while (take(reader, ','));
		if (!take(reader, '}'))
			return refuse_syntax(reader, "Seats are separated by \",\" and end with \"}\".");
	}
	if (*reader->at != '\0')
		return refuse_syntax(reader, "Something follows the closing \"}\".");
	return true;
}

PG_FUNCTION_INFO_V1(seatmap_in);
Datum
seatmap_in(PG_FUNCTION_ARGS)
{
	SeatmapReader reader = {.input = PG_GETARG_CSTRING(0), .escontext = fcinfo->context};
	int32		capacity;
	Seatmap    *map;
	bool		valid;

	reader.at = reader.input;
	skip_space(&reader);
	valid = take_number(&reader, SEATMAP_MAX_CAPACITY + 1, &capacity);
	if (valid && !take(&reader, ':'))
		valid = refuse_syntax(&reader, "A \":\" must follow the capacity.");
	if (valid && capacity > SEATMAP_MAX_CAPACITY)
		valid = refuse_capacity(&reader);
	if (!valid)
		return (Datum) 0;

	map = seatmap_new(capacity);
	if (!take_seats(&reader, map))
		return (Datum) 0;
	PG_RETURN_SEATMAP(map);
}

static void
append_number(StringInfo text, int32 number)
{
	text->len += pg_ltoa(number, text->data + text->len);
}

PG_FUNCTION_INFO_V1(seatmap_out);
Datum
seatmap_out(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	StringInfoData text;
	int32		first = seatmap_next_set(map, 0);

	initStringInfo(&text);
	appendStringInfo(&text, "%d:{", map->capacity);
	while (first >= 0)
	{
		int32		end = seatmap_next_clear(map, first);

		if (end < 0)
			end = map->capacity;
		enlargeStringInfo(&text, RUN_TEXT_SIZE);
		append_number(&text, first);
		if (end - first > 1)
		{
			appendStringInfoChar(&text, '-');
			append_number(&text, end - 1);
		}
		first = seatmap_next_set(map, end);
		if (first >= 0)
			appendStringInfoChar(&text, ',');
	}
	appendStringInfoChar(&text, '}');
	PG_RETURN_CSTRING(text.data);
}

PG_FUNCTION_INFO_V1(seatmap_recv);
Datum
seatmap_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int32		capacity = CheckCapacity((int32) pq_getmsgint(message, sizeof(int32)));
	Size		bytes = message->len - message->cursor;
	Seatmap    *map;

	CheckBitsLength(bytes, capacity);
	map = seatmap_new(capacity);
	pq_copymsgbytes(message, (char *) map->bits, (int) bytes);
	CheckPadding(map);
	PG_RETURN_SEATMAP(map);
}

PG_FUNCTION_INFO_V1(seatmap_send);
Datum
seatmap_send(PG_FUNCTION_ARGS)
{
	Seatmap    *map = PG_GETARG_SEATMAP(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint32(&message, (uint32) map->capacity);
	pq_sendbytes(&message, (const char *) map->bits, (int) SEATMAP_BYTES(map->capacity));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
