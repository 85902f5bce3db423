-- seatmap: the seat-bitfield type, one bit a seat, set while the seat is taken.

CREATE TYPE tixbook.seatmap;

CREATE FUNCTION tixbook.seatmap_in(cstring) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_in(cstring) IS 'Text input of seatmap.';

CREATE FUNCTION tixbook.seatmap_out(tixbook.seatmap) RETURNS cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_out(tixbook.seatmap) IS 'Text output of seatmap.';

CREATE FUNCTION tixbook.seatmap_recv(internal) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_recv(internal) IS 'Binary input of seatmap.';

CREATE FUNCTION tixbook.seatmap_send(tixbook.seatmap) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_send(tixbook.seatmap) IS 'Binary output of seatmap.';

CREATE TYPE tixbook.seatmap (
    INPUT = tixbook.seatmap_in,
    OUTPUT = tixbook.seatmap_out,
    RECEIVE = tixbook.seatmap_recv,
    SEND = tixbook.seatmap_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended,
    CATEGORY = 'U'
);
COMMENT ON TYPE tixbook.seatmap IS
'One bit a seat, up to 1000000 seats. Text form: capacity, then the set seats, ''20:{0-3,17}''; input takes white space between tokens and ranges in any order, overlapping too, output has them ascending and maximal. Binary form: the capacity as int32, then the bytes; seat i is byte i/8, mask 1 << (i % 8), and the bits past the capacity are zero.';


-- Constructors

CREATE FUNCTION tixbook.seatmap(capacity integer) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_empty';
COMMENT ON FUNCTION tixbook.seatmap(integer) IS
'A map of capacity seats, none set. Refuses: a capacity below 0 (22023) or above 1000000 (54000).';

CREATE FUNCTION tixbook.seatmap(capacity integer, seats integer[]) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_from_seats';
COMMENT ON FUNCTION tixbook.seatmap(integer, integer[]) IS
'A map of capacity seats with these set; seats may come in any order and more than once. Refuses: a capacity below 0 (22023) or above 1000000 (54000), seats that are not in it or an array of more than one dimension (2202E), nulls (22004).';

CREATE FUNCTION tixbook.seatmap(seats integer[]) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_from_array';
COMMENT ON FUNCTION tixbook.seatmap(integer[]) IS
'A map with these seats set, its capacity the highest of them plus 1. Refuses: seats below 0 or an array of more than one dimension (2202E), seats above 999999 (54000), nulls (22004).';

CREATE FUNCTION tixbook.seatmap(bits bit varying) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_from_varbit';
COMMENT ON FUNCTION tixbook.seatmap(bit varying) IS
'A map with a seat for each bit, the leftmost bit is seat 0. Refuses: more than 1000000 bits (54000).';

CREATE FUNCTION tixbook.seatmap(bytes bytea) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_from_bytea';
COMMENT ON FUNCTION tixbook.seatmap(bytea) IS
'A map with eight seats a byte: seat i is byte i/8, mask 1 << (i % 8). Refuses: more than 125000 bytes (54000).';

CREATE FUNCTION tixbook.seatmap(bytes bytea, capacity integer) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_from_bytea_capacity';
COMMENT ON FUNCTION tixbook.seatmap(bytea, integer) IS
'A map of capacity seats from its bytes: seat i is byte i/8, mask 1 << (i % 8). Refuses: a capacity below 0 (22023) or above 1000000 (54000), a number of bytes that is not capacity/8 rounded up, or bits set past the capacity (22P03).';


-- Reading a map

CREATE FUNCTION tixbook.length(map tixbook.seatmap) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_length';
COMMENT ON FUNCTION tixbook.length(tixbook.seatmap) IS
'The capacity of a map: how many seats it has, set or not. Makes no refusal.';

CREATE FUNCTION tixbook.cardinality(map tixbook.seatmap) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_cardinality_sql';
COMMENT ON FUNCTION tixbook.cardinality(tixbook.seatmap) IS
'How many seats of a map are set. Makes no refusal.';

CREATE FUNCTION tixbook.contains(map tixbook.seatmap, seat integer) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_contains_seat';
COMMENT ON FUNCTION tixbook.contains(tixbook.seatmap, integer) IS
'Whether a seat is set; false for a seat that the map does not have. Makes no refusal.';

CREATE FUNCTION tixbook.seats(map tixbook.seatmap) RETURNS integer[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_to_array';
COMMENT ON FUNCTION tixbook.seats(tixbook.seatmap) IS
'The set seats of a map, ascending. Makes no refusal.';

CREATE FUNCTION tixbook.to_varbit(map tixbook.seatmap) RETURNS bit varying
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_to_varbit';
COMMENT ON FUNCTION tixbook.to_varbit(tixbook.seatmap) IS
'A map as a bit string as long as its capacity, seat 0 leftmost. Makes no refusal.';

CREATE FUNCTION tixbook.to_bytea(map tixbook.seatmap) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_to_bytea';
COMMENT ON FUNCTION tixbook.to_bytea(tixbook.seatmap) IS
'The bytes of a map, without its capacity: seat i is byte i/8, mask 1 << (i % 8), and the bits past the capacity are zero. Makes no refusal.';

CREATE FUNCTION tixbook.unnest_support(internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_unnest_support';
COMMENT ON FUNCTION tixbook.unnest_support(internal) IS
'Planner support of unnest(seatmap): how many rows it returns.';

CREATE FUNCTION tixbook.unnest(map tixbook.seatmap) RETURNS SETOF integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100
SUPPORT tixbook.unnest_support
AS 'MODULE_PATHNAME', 'seatmap_unnest';
COMMENT ON FUNCTION tixbook.unnest(tixbook.seatmap) IS
'The set seats of a map as rows, ascending. Makes no refusal.';


-- Maps made from maps

CREATE FUNCTION tixbook.set_seat(map tixbook.seatmap, seat integer) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_set_seat';
COMMENT ON FUNCTION tixbook.set_seat(tixbook.seatmap, integer) IS
'The map with this seat set, whether it was or not. Refuses: a seat that is not in the map (2202E).';

CREATE FUNCTION tixbook.clear_seat(map tixbook.seatmap, seat integer) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_clear_seat';
COMMENT ON FUNCTION tixbook.clear_seat(tixbook.seatmap, integer) IS
'The map with this seat clear, whether it was or not. Refuses: a seat that is not in the map (2202E).';

CREATE FUNCTION tixbook.set_seats(map tixbook.seatmap, seats integer[]) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_set_seats';
COMMENT ON FUNCTION tixbook.set_seats(tixbook.seatmap, integer[]) IS
'The map with these seats set, whether they were or not. Refuses: seats that are not in the map or an array of more than one dimension (2202E), nulls (22004).';

CREATE FUNCTION tixbook.clear_seats(map tixbook.seatmap, seats integer[]) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_clear_seats';
COMMENT ON FUNCTION tixbook.clear_seats(tixbook.seatmap, integer[]) IS
'The map with these seats clear, whether they were or not. Refuses: seats that are not in the map or an array of more than one dimension (2202E), nulls (22004).';

CREATE FUNCTION tixbook.set_seats(map tixbook.seatmap, first_seat integer, last_seat integer)
RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_set_seat_range';
COMMENT ON FUNCTION tixbook.set_seats(tixbook.seatmap, integer, integer) IS
'The map with the seats from first_seat to last_seat set, both of them too. Refuses: seats that are not in the map (2202E), a last_seat below first_seat (22023).';

CREATE FUNCTION tixbook.clear_seats(map tixbook.seatmap, first_seat integer, last_seat integer)
RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_clear_seat_range';
COMMENT ON FUNCTION tixbook.clear_seats(tixbook.seatmap, integer, integer) IS
'The map with the seats from first_seat to last_seat clear, both of them too. Refuses: seats that are not in the map (2202E), a last_seat below first_seat (22023).';

CREATE FUNCTION tixbook.slice(map tixbook.seatmap, first_seat integer, capacity integer)
RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_slice';
COMMENT ON FUNCTION tixbook.slice(tixbook.seatmap, integer, integer) IS
'The part of a map that has capacity seats from first_seat on; first_seat becomes seat 0. Takes apart what seatmap_join puts together. Refuses: a part that is not wholly in the map (2202E).';


-- Runs of clear seats: where a party can sit together

CREATE FUNCTION tixbook.next_run(map tixbook.seatmap, length integer, from_seat integer = 0)
RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_next_run_sql';
COMMENT ON FUNCTION tixbook.next_run(tixbook.seatmap, integer, integer) IS
'The first seat, at or after from_seat, of the next length clear seats side by side; null when there are none. Refuses: a length below 1 or a from_seat below 0 (22023).';

CREATE FUNCTION tixbook.longest_run(map tixbook.seatmap) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_longest_run_sql';
COMMENT ON FUNCTION tixbook.longest_run(tixbook.seatmap) IS
'How many clear seats the longest run of them has; 0 when all are set. Makes no refusal.';

CREATE FUNCTION tixbook.best_run(map tixbook.seatmap, length integer, point double precision)
RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'seatmap_best_run_sql';
COMMENT ON FUNCTION tixbook.best_run(tixbook.seatmap, integer, double precision) IS
'The first seat of those length clear seats side by side whose centre is nearest to point, a position in seats (4.5 lies between seats 4 and 5); of two as near the lower; null when there are none. A point outside the map means its nearer end. Refuses: a length below 1 or a point that is NaN (22023).';


-- Operators

CREATE FUNCTION tixbook.seatmap_union(tixbook.seatmap, tixbook.seatmap) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_union(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the | operator.';

CREATE FUNCTION tixbook.seatmap_intersection(tixbook.seatmap, tixbook.seatmap) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_intersection(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the & operator.';

CREATE FUNCTION tixbook.seatmap_symmetric_difference(tixbook.seatmap, tixbook.seatmap) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_symmetric_difference(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the # operator.';

CREATE FUNCTION tixbook.seatmap_difference(tixbook.seatmap, tixbook.seatmap) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_difference(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the - operator.';

CREATE FUNCTION tixbook.seatmap_complement(tixbook.seatmap) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_complement(tixbook.seatmap) IS 'Implementation of the ~ operator.';

CREATE FUNCTION tixbook.seatmap_concat(tixbook.seatmap, tixbook.seatmap) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_concat(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the || operator.';

CREATE FUNCTION tixbook.seatmap_overlaps(tixbook.seatmap, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_overlaps(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the && operator.';

CREATE FUNCTION tixbook.seatmap_contains(tixbook.seatmap, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_contains(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the @> operator.';

CREATE FUNCTION tixbook.seatmap_contained(tixbook.seatmap, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_contained(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the <@ operator.';

CREATE FUNCTION tixbook.seatmap_seat_contained(integer, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_seat_contained(integer, tixbook.seatmap) IS 'Implementation of the <@ operator.';

CREATE OPERATOR tixbook.| (
    FUNCTION = tixbook.seatmap_union,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.|)
);
COMMENT ON OPERATOR tixbook.| (tixbook.seatmap, tixbook.seatmap) IS
'The seats set in either map. Refuses: maps of different capacities (22023).';

CREATE OPERATOR tixbook.& (
    FUNCTION = tixbook.seatmap_intersection,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.&)
);
COMMENT ON OPERATOR tixbook.& (tixbook.seatmap, tixbook.seatmap) IS
'The seats set in both maps. Refuses: maps of different capacities (22023).';

CREATE OPERATOR tixbook.# (
    FUNCTION = tixbook.seatmap_symmetric_difference,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.#)
);
COMMENT ON OPERATOR tixbook.# (tixbook.seatmap, tixbook.seatmap) IS
'The seats set in one of the maps only. Refuses: maps of different capacities (22023).';

CREATE OPERATOR tixbook.- (
    FUNCTION = tixbook.seatmap_difference,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap
);
COMMENT ON OPERATOR tixbook.- (tixbook.seatmap, tixbook.seatmap) IS
'The seats set in the left map and not in the right. Refuses: maps of different capacities (22023).';

CREATE OPERATOR tixbook.~ (
    FUNCTION = tixbook.seatmap_complement,
    RIGHTARG = tixbook.seatmap
);
COMMENT ON OPERATOR tixbook.~ (NONE, tixbook.seatmap) IS
'The seats of a map that are not set. Makes no refusal.';

CREATE OPERATOR tixbook.|| (
    FUNCTION = tixbook.seatmap_concat,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap
);
COMMENT ON OPERATOR tixbook.|| (tixbook.seatmap, tixbook.seatmap) IS
'One map of both: the seats of the left, then those of the right. Refuses: more than 1000000 seats (54000).';

CREATE OPERATOR tixbook.&& (
    FUNCTION = tixbook.seatmap_overlaps,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.&&),
    RESTRICT = areasel, JOIN = areajoinsel
);
COMMENT ON OPERATOR tixbook.&& (tixbook.seatmap, tixbook.seatmap) IS
'Whether any seat is set in both maps. Refuses: maps of different capacities (22023).';

CREATE OPERATOR tixbook.@> (
    FUNCTION = tixbook.seatmap_contains,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.<@),
    RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR tixbook.@> (tixbook.seatmap, tixbook.seatmap) IS
'Whether all seats set in the right map are set in the left. Refuses: maps of different capacities (22023).';

CREATE OPERATOR tixbook.<@ (
    FUNCTION = tixbook.seatmap_contained,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.@>),
    RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR tixbook.<@ (tixbook.seatmap, tixbook.seatmap) IS
'Whether all seats set in the left map are set in the right. Refuses: maps of different capacities (22023).';

CREATE OPERATOR tixbook.@> (
    FUNCTION = tixbook.contains,
    LEFTARG = tixbook.seatmap, RIGHTARG = integer,
    COMMUTATOR = OPERATOR(tixbook.<@),
    RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR tixbook.@> (tixbook.seatmap, integer) IS
'Whether a seat is set; false for a seat that the map does not have. Makes no refusal.';

CREATE OPERATOR tixbook.<@ (
    FUNCTION = tixbook.seatmap_seat_contained,
    LEFTARG = integer, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.@>),
    RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR tixbook.<@ (integer, tixbook.seatmap) IS
'Whether a seat is set; false for a seat that the map does not have. Makes no refusal.';


-- Order and hashing

CREATE FUNCTION tixbook.seatmap_eq(tixbook.seatmap, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_eq(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the = operator.';

CREATE FUNCTION tixbook.seatmap_ne(tixbook.seatmap, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_ne(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the <> operator.';

CREATE FUNCTION tixbook.seatmap_lt(tixbook.seatmap, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_lt(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the < operator.';

CREATE FUNCTION tixbook.seatmap_le(tixbook.seatmap, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_le(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the <= operator.';

CREATE FUNCTION tixbook.seatmap_gt(tixbook.seatmap, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_gt(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the > operator.';

CREATE FUNCTION tixbook.seatmap_ge(tixbook.seatmap, tixbook.seatmap) RETURNS boolean
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_ge(tixbook.seatmap, tixbook.seatmap) IS 'Implementation of the >= operator.';

CREATE FUNCTION tixbook.seatmap_cmp(tixbook.seatmap, tixbook.seatmap) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_cmp(tixbook.seatmap, tixbook.seatmap) IS
'Less than, equal to or more than 0 as the left map sorts before, with or after the right: the smaller capacity first, then the map in which the lowest seat where they differ is clear. Makes no refusal.';

CREATE FUNCTION tixbook.seatmap_hash(tixbook.seatmap) RETURNS integer
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_hash(tixbook.seatmap) IS 'Hash of a map, 32 bits.';

CREATE FUNCTION tixbook.seatmap_hash_extended(tixbook.seatmap, bigint) RETURNS bigint
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_hash_extended(tixbook.seatmap, bigint) IS 'Hash of a map with a seed, 64 bits.';

CREATE OPERATOR tixbook.= (
    FUNCTION = tixbook.seatmap_eq,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.=), NEGATOR = OPERATOR(tixbook.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel,
    HASHES, MERGES
);
COMMENT ON OPERATOR tixbook.= (tixbook.seatmap, tixbook.seatmap) IS
'Whether two maps have the same capacity and the same seats set. Makes no refusal.';

CREATE OPERATOR tixbook.<> (
    FUNCTION = tixbook.seatmap_ne,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.<>), NEGATOR = OPERATOR(tixbook.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR tixbook.<> (tixbook.seatmap, tixbook.seatmap) IS
'Whether two maps differ in capacity or in the seats set. Makes no refusal.';

CREATE OPERATOR tixbook.< (
    FUNCTION = tixbook.seatmap_lt,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.>), NEGATOR = OPERATOR(tixbook.>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR tixbook.< (tixbook.seatmap, tixbook.seatmap) IS
'Whether the left map sorts before the right, see seatmap_cmp. Makes no refusal.';

CREATE OPERATOR tixbook.<= (
    FUNCTION = tixbook.seatmap_le,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.>=), NEGATOR = OPERATOR(tixbook.>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR tixbook.<= (tixbook.seatmap, tixbook.seatmap) IS
'Whether the left map sorts before the right or equals it, see seatmap_cmp. Makes no refusal.';

CREATE OPERATOR tixbook.> (
    FUNCTION = tixbook.seatmap_gt,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.<), NEGATOR = OPERATOR(tixbook.<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR tixbook.> (tixbook.seatmap, tixbook.seatmap) IS
'Whether the left map sorts after the right, see seatmap_cmp. Makes no refusal.';

CREATE OPERATOR tixbook.>= (
    FUNCTION = tixbook.seatmap_ge,
    LEFTARG = tixbook.seatmap, RIGHTARG = tixbook.seatmap,
    COMMUTATOR = OPERATOR(tixbook.<=), NEGATOR = OPERATOR(tixbook.<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR tixbook.>= (tixbook.seatmap, tixbook.seatmap) IS
'Whether the left map sorts after the right or equals it, see seatmap_cmp. Makes no refusal.';

CREATE OPERATOR CLASS tixbook.seatmap_ops DEFAULT FOR TYPE tixbook.seatmap USING btree AS
    OPERATOR 1 tixbook.<,
    OPERATOR 2 tixbook.<=,
    OPERATOR 3 tixbook.=,
    OPERATOR 4 tixbook.>=,
    OPERATOR 5 tixbook.>,
    FUNCTION 1 tixbook.seatmap_cmp(tixbook.seatmap, tixbook.seatmap);
COMMENT ON OPERATOR CLASS tixbook.seatmap_ops USING btree IS
'Order of seat maps, see seatmap_cmp.';

CREATE OPERATOR CLASS tixbook.seatmap_ops DEFAULT FOR TYPE tixbook.seatmap USING hash AS
    OPERATOR 1 tixbook.=,
    FUNCTION 1 tixbook.seatmap_hash(tixbook.seatmap),
    FUNCTION 2 tixbook.seatmap_hash_extended(tixbook.seatmap, bigint);
COMMENT ON OPERATOR CLASS tixbook.seatmap_ops USING hash IS
'Equality of seat maps by hash.';


-- Casts. Only bit strings keep the capacity, so only they convert on assignment.

CREATE CAST (tixbook.seatmap AS integer[])
    WITH FUNCTION tixbook.seats(tixbook.seatmap);
COMMENT ON CAST (tixbook.seatmap AS integer[]) IS
'The set seats, ascending; the capacity is lost.';

CREATE CAST (integer[] AS tixbook.seatmap)
    WITH FUNCTION tixbook.seatmap(integer[]);
COMMENT ON CAST (integer[] AS tixbook.seatmap) IS
'A map with these seats set, its capacity the highest of them plus 1.';

CREATE CAST (tixbook.seatmap AS bit varying)
    WITH FUNCTION tixbook.to_varbit(tixbook.seatmap) AS ASSIGNMENT;
COMMENT ON CAST (tixbook.seatmap AS bit varying) IS
'A bit a seat, seat 0 leftmost.';

CREATE CAST (bit varying AS tixbook.seatmap)
    WITH FUNCTION tixbook.seatmap(bit varying) AS ASSIGNMENT;
COMMENT ON CAST (bit varying AS tixbook.seatmap) IS
'A seat a bit, seat 0 leftmost.';

CREATE CAST (bit AS tixbook.seatmap)
    WITH FUNCTION tixbook.seatmap(bit varying) AS ASSIGNMENT;
COMMENT ON CAST (bit AS tixbook.seatmap) IS
'A seat a bit, seat 0 leftmost.';

CREATE CAST (tixbook.seatmap AS bytea)
    WITH FUNCTION tixbook.to_bytea(tixbook.seatmap);
COMMENT ON CAST (tixbook.seatmap AS bytea) IS
'Seat i is byte i/8, mask 1 << (i % 8); the capacity is lost unless it is a multiple of 8.';

CREATE CAST (bytea AS tixbook.seatmap)
    WITH FUNCTION tixbook.seatmap(bytea);
COMMENT ON CAST (bytea AS tixbook.seatmap) IS
'Eight seats a byte: seat i is byte i/8, mask 1 << (i % 8).';


-- Aggregates

CREATE FUNCTION tixbook.seatmap_or_accum(tixbook.seatmap, tixbook.seatmap) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_or_accum(tixbook.seatmap, tixbook.seatmap) IS
'Transition function of seatmap_or, and combine function of all aggregates that unite maps.';

CREATE FUNCTION tixbook.seatmap_and_accum(tixbook.seatmap, tixbook.seatmap) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_and_accum(tixbook.seatmap, tixbook.seatmap) IS
'Transition and combine function of seatmap_and.';

CREATE FUNCTION tixbook.seatmap_agg_accum(tixbook.seatmap, integer, integer) RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_agg_accum(tixbook.seatmap, integer, integer) IS
'Transition function of seatmap_agg.';

CREATE FUNCTION tixbook.seatmap_join_accum(tixbook.seatmap, tixbook.seatmap, integer, integer)
RETURNS tixbook.seatmap
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION tixbook.seatmap_join_accum(tixbook.seatmap, tixbook.seatmap, integer, integer) IS
'Transition function of seatmap_join.';

CREATE AGGREGATE tixbook.seatmap_or(map tixbook.seatmap) (
    SFUNC = tixbook.seatmap_or_accum,
    STYPE = tixbook.seatmap,
    COMBINEFUNC = tixbook.seatmap_or_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tixbook.seatmap_or(tixbook.seatmap) IS
'The seats set in any of the maps; nulls are skipped, null when there is no map. Refuses: maps of different capacities (22023).';

CREATE AGGREGATE tixbook.seatmap_and(map tixbook.seatmap) (
    SFUNC = tixbook.seatmap_and_accum,
    STYPE = tixbook.seatmap,
    COMBINEFUNC = tixbook.seatmap_and_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tixbook.seatmap_and(tixbook.seatmap) IS
'The seats set in all of the maps; nulls are skipped, null when there is no map. Refuses: maps of different capacities (22023).';

CREATE AGGREGATE tixbook.seatmap_agg(seat integer, capacity integer) (
    SFUNC = tixbook.seatmap_agg_accum,
    STYPE = tixbook.seatmap,
    COMBINEFUNC = tixbook.seatmap_or_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tixbook.seatmap_agg(integer, integer) IS
'A map of capacity seats with those of all rows set; null seats are skipped, null when there is no row. Refuses: a capacity that is null (22004), below 0 or not the same in all rows (22023) or above 1000000 (54000), seats that are not in it (2202E).';

CREATE AGGREGATE tixbook.seatmap_join(map tixbook.seatmap, first_seat integer, capacity integer) (
    SFUNC = tixbook.seatmap_join_accum,
    STYPE = tixbook.seatmap,
    COMBINEFUNC = tixbook.seatmap_or_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE tixbook.seatmap_join(tixbook.seatmap, integer, integer) IS
'A map of capacity seats in which each map stands at its first_seat; where maps overlap, a seat set in either is set. Null maps are skipped, null when there is no row. Refuses: a capacity that is null (22004), below 0 or not the same in all rows (22023) or above 1000000 (54000), a map whose first_seat is null (22004) or that does not fit there (2202E).';
