# The seatmap type against a plain model: a string of '0' and '1', one a seat.
#
# Everything is generated from one seed, which is printed; SEATMAP_SEED=n runs another.
use strict;
use warnings FATAL => 'all';
use List::Util qw(max min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEATMAP_SEED} // 20240607;
srand $seed;
note "seed $seed";

my $limit = 1_000_000;
my $node  = PostgreSQL::Test::Cluster->new('seatmap');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tixbook CASCADE');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET search_path = tixbook, public');
my $files = $node->basedir;

# --- the model

sub model_text
{
	my ($bits) = @_;
	my @runs;
	while ($bits =~ /1+/g)
	{
		push @runs, $-[0] == $+[0] - 1 ? $-[0] : "$-[0]-" . ($+[0] - 1);
	}
	return length($bits) . ':{' . join(',', @runs) . '}';
}

sub model_bytes { return pack 'b*', $_[0] }
sub model_hex   { return unpack 'H*', model_bytes($_[0]) }
sub model_seats { return grep { substr($_[0], $_, 1) } 0 .. length($_[0]) - 1 }

sub model_next_run
{
	my ($bits, $length, $from) = @_;
	return '' if $from > length $bits;
	my $first = index $bits, '0' x $length, $from;
	return $first < 0 ? '' : $first;
}

# Every place that is free, and the first of the nearest.
sub model_best_run
{
	my ($bits, $length, $point) = @_;
	my ($best, $distance) = ('');
	$point = max(0, min($point, length $bits));
	for my $first (0 .. length($bits) - $length)
	{
		next if substr($bits, $first, $length) =~ /1/;
		my $far = abs($first + ($length - 1) / 2 - $point);
		($best, $distance) = ($first, $far) if !defined $distance || $far < $distance;
	}
	return $best;
}

sub model_longest_run { return max(0, map { length } $_[0] =~ /0+/g) }

# What the text form means, or undef; written from its description.
sub model_parse
{
	my ($text) = @_;
	my $space = qr/[ \t\n\r\x0b\f]*/;
	my ($capacity, $list) = $text =~ /\A$space([0-9]+)$space:$space\{(.*)\}$space\z/s or return undef;
	return undef if length($capacity =~ s/^0+//r) > 7 || $capacity > $limit;
	my $bits = '0' x $capacity;
	return $bits if $list =~ /\A$space\z/;
	for my $range (split /,/, $list, -1)
	{
		my ($first, $last) = $range =~ /\A$space([0-9]+)$space(?:-$space([0-9]+)$space)?\z/ or return undef;
		$last //= $first;
		return undef if grep { length($_ =~ s/^0+//r) > 7 || $_ >= $capacity } $first, $last;
		return undef if $last < $first;
		substr($bits, $first, $last - $first + 1) = '1' x ($last - $first + 1);
	}
	return $bits;
}

# --- generated data

# Mostly around the edges of bytes and words, where the mistakes are.
sub random_capacity
{
	my @edges = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 71, 72, 127, 128, 129, 191, 192, 193, 256);
	return rand() < 0.6 ? $edges[ rand @edges ] : int rand 700;
}

# Runs of either kind, of lengths that differ from map to map.
sub random_bits
{
	my ($capacity) = @_;
	my $longest    = 1 + int rand((1, 3, 20, 150)[ rand 4 ]);
	my $bit        = int rand 2;
	my $bits       = '';
	while (length $bits < $capacity)
	{
		$bits .= $bit x (1 + int rand $longest);
		$bit = 1 - $bit;
	}
	return substr $bits, 0, $capacity;
}

sub write_lines
{
	my ($name, @lines) = @_;
	open my $file, '>', "$files/$name" or die "$files/$name: $!";
	print $file map { "$_\n" } @lines;
	close $file or die "$files/$name: $!";
	return "$files/$name";
}

sub query { return split /\n/, $node->safe_psql('postgres', $_[0]), -1 }

# Reports the first difference only, with what it was computed from.
sub same_rows
{
	my ($name, $got, $expected, $about) = @_;
	for my $i (0 .. max(scalar @$got, scalar @$expected) - 1)
	{
		my ($g, $e) = map { $_->[$i] // '(no row)' } $got, $expected;
		next if $g eq $e;
		return is($g, $e, $name) || diag $about->($i);
	}
	return ok(@$expected > 0, $name . ': ' . @$expected . ' rows');
}

# --- one map: text, binary, counts, runs

my @maps = map { random_bits(random_capacity()) } 1 .. 600;
push @maps, '0' x 9, '1' x 9, '0' x 64, '1' x 64, '0' x 20000, '1' x 20000, random_bits(100_003);
my @asked = map { [ 1 + int rand 12, int rand(length($maps[$_]) + 3), int(rand(2 * length($maps[$_]) + 8)) / 2 - 2 ] } 0 .. $#maps;

write_lines('maps',
	map { join "\t", $_, model_text($maps[$_]), @{ $asked[$_] } } 0 .. $#maps);
$node->safe_psql('postgres', qq{
	CREATE TABLE maps (n int, map seatmap, length int, from_seat int, point float8);
	COPY maps FROM '$files/maps';
});

my @short = grep { length $maps[$_] <= 1000 } 0 .. $#maps;
my $about = sub { my $n = $_[1] // $_[0]; return "map $n: $maps[$n] with " . join ', ', @{ $asked[$n] } };

same_rows('text form',
	[ query('SELECT map FROM maps ORDER BY n') ], [ map { model_text($_) } @maps ], $about);
same_rows('binary form',
	[ query(q{SELECT encode(seatmap_send(map), 'hex') FROM maps ORDER BY n}) ],
	[ map { sprintf('%08x', length) . model_hex($_) } @maps ], $about);
same_rows('bytea',
	[ query(q{SELECT encode(map::bytea, 'hex') FROM maps ORDER BY n}) ], [ map { model_hex($_) } @maps ], $about);
same_rows('bit string',
	[ query('SELECT map::varbit FROM maps ORDER BY n') ], [@maps], $about);
same_rows('array of seats',
	[ query('SELECT map::int[] FROM maps ORDER BY n') ],
	[ map { '{' . join(',', model_seats($_)) . '}' } @maps ], $about);
same_rows('rows of seats',
	[ query(q{SELECT (SELECT string_agg(seat::text, ',') FROM unnest(map) seat) FROM maps ORDER BY n}) ],
	[ map { join ',', model_seats($_) } @maps ], $about);
same_rows('length, cardinality, longest run',
	[ query('SELECT length(map), cardinality(map), longest_run(map) FROM maps ORDER BY n') ],
	[ map { join '|', length, tr/1//, model_longest_run($_) } @maps ], $about);
same_rows('next run',
	[ query('SELECT next_run(map, length, from_seat) FROM maps ORDER BY n') ],
	[ map { model_next_run($maps[$_], @{ $asked[$_] }[ 0, 1 ]) } 0 .. $#maps ], $about);
same_rows('best run',
	[ query('SELECT best_run(map, length, point) FROM maps WHERE length(map) <= 1000 ORDER BY n') ],
	[ map { model_best_run($maps[$_], @{ $asked[$_] }[ 0, 2 ]) } @short ], sub { $about->(0, $short[ $_[0] ]) });
same_rows('membership of every seat and its neighbours',
	[ query(q{SELECT string_agg((map @> seat)::int::text, '' ORDER BY seat)
		FROM maps, LATERAL generate_series(-1, length(map)) seat WHERE length(map) <= 1000 GROUP BY n ORDER BY n}) ],
	[ map { "0$maps[$_]0" } @short ], sub { $about->(0, $short[ $_[0] ]) });
same_rows('back from text, bit string, bytea and array',
	[ query(q{SELECT map::text::seatmap = map AND map::varbit::seatmap = map AND seatmap(map::bytea, length(map)) = map
		AND seatmap(length(map), map::int[]) = map FROM maps ORDER BY n}) ],
	[ ('t') x @maps ], $about);

# --- ranges: set, clear, slice

my @ranges = map { my $last = length($maps[$_]) - 1; [ $_, sort { $a <=> $b } map { int rand($last + 1) } 1, 2 ] }
  grep { length $maps[$_] } @short;
write_lines('ranges', map { join "\t", @$_ } @ranges);
$node->safe_psql('postgres', "CREATE TABLE ranges (n int, first int, last int); COPY ranges FROM '$files/ranges'");

sub painted
{
	my ($bit, $n, $first, $last) = @_;
	my $bits = $maps[$n];
	substr($bits, $first, $last - $first + 1) = $bit x ($last - $first + 1);
	return model_text($bits);
}

same_rows('set, clear and slice a range',
	[ query(q{SELECT set_seats(map, first, last), clear_seats(map, first, last), slice(map, first, last - first + 1),
		set_seat(map, first), clear_seat(map, last) FROM maps JOIN ranges USING (n) ORDER BY n}) ],
	[ map { my ($n, $first, $last) = @$_;
		join '|', painted(1, @$_), painted(0, @$_), model_text(substr $maps[$n], $first, $last - $first + 1),
		  painted(1, $n, $first, $first), painted(0, $n, $last, $last) } @ranges ],
	sub { my ($n, @range) = @{ $ranges[ $_[0] ] }; return $about->(0, $n) . ", range @range" });

# --- two maps: algebra, order, hash; and any number of them

my @pairs = map { my $capacity = random_capacity(); [ random_bits($capacity), random_bits($capacity) ] } 1 .. 400;
push @pairs, map { [ $_->[0], $_->[0] ] } @pairs[ 0 .. 30 ];
push @pairs, map { [ map { model_sparse($_) } @$_ ] } @pairs[ 31 .. 90 ];
push @pairs, map { my $kept = $_->[0]; [ $kept, $kept & model_sparse($_->[1]) ] } @pairs[ 91 .. 150 ];

# One seat in twenty stays: pairs that do not overlap, or differ far into the map.
sub model_sparse { return $_[0] =~ s/1/rand() < 0.05 ? 1 : 0/ger }

write_lines('pairs', map { join "\t", $_, map { model_text($_) } @{ $pairs[$_] } } 0 .. $#pairs);
$node->safe_psql('postgres', "CREATE TABLE pairs (n int, a seatmap, b seatmap); COPY pairs FROM '$files/pairs'");
my $about_pair = sub { return "pair $_[0]: @{ $pairs[$_[0]] }" };

sub both      { return $_[0] & $_[1] }
sub either    { return ($_[0] ^ $_[1]) =~ tr/\0\1/01/r }
sub left_only { return both($_[0], either(@_)) }
sub none      { return $_[0] !~ /1/ ? 1 : 0 }
sub bool      { return $_[0] ? 't' : 'f' }

same_rows('algebra',
	[ query('SELECT a | b, a & b, a # b, a - b, ~a, a || b FROM pairs ORDER BY n') ],
	[ map { my ($x, $y) = @$_;
		join '|', map { model_text($_) } $x | $y, both($x, $y), either($x, $y), left_only($x, $y), $x =~ tr/01/10/r, $x . $y } @pairs ],
	$about_pair);
same_rows('overlap, containment, equality and order',
	[ query('SELECT a && b, a @> b, a <@ b, a = b, a <> b, a < b, a <= b, a > b, a >= b, sign(seatmap_cmp(a, b)) FROM pairs ORDER BY n') ],
	[ map { my ($x, $y) = @$_;
		join '|', (map { bool($_) } !none(both($x, $y)), none(left_only($y, $x)), none(left_only($x, $y)),
			$x eq $y, $x ne $y, $x lt $y, $x le $y, $x gt $y, $x ge $y), $x cmp $y } @pairs ],
	$about_pair);
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT a AS map FROM pairs UNION ALL SELECT b FROM pairs) x}) , 2 * @pairs, 'all pairs are there');
my %distinct = map { $_ => 1 } map { @$_ } @pairs;
is($node->safe_psql('postgres', qq{
	SET enable_sort = off; SELECT count(*) FROM (SELECT map FROM (SELECT a AS map FROM pairs UNION ALL SELECT b FROM pairs) x GROUP BY map) y}),
	keys %distinct, 'hashing finds the distinct maps');
same_rows('sorting by capacity, then as bit strings',
	[ query('SELECT map FROM (SELECT a AS map FROM pairs UNION SELECT b FROM pairs) x ORDER BY map') ],
	[ map { model_text($_) } sort { length $a <=> length $b || $a cmp $b } keys %distinct ], sub { "row $_[0]" });

my @parts = grep { length } @maps[ 0 .. 150 ];
my $house = join '', @parts;
my ($offset, @blocks) = (0);
for my $part (@parts)
{
	push @blocks, join "\t", model_text($part), $offset;
	$offset += length $part;
}
write_lines('blocks', sort { rand() <=> 0.5 } @blocks);
$node->safe_psql('postgres', "CREATE TABLE blocks (map seatmap, first int); COPY blocks FROM '$files/blocks'");
is($node->safe_psql('postgres', "SELECT seatmap_join(map, first, $offset) FROM blocks"),
	model_text($house), @parts . ' blocks joined, in any order');
is($node->safe_psql('postgres', "SELECT count(*) FROM blocks,
	(SELECT seatmap_join(map, first, $offset) AS house FROM blocks) x WHERE slice(house, first, length(map)) = map"),
	@parts, 'and taken apart again');
is($node->safe_psql('postgres', "SELECT seatmap_agg(seat, $offset) FROM (SELECT seat FROM unnest('" . model_text($house) . "'::seatmap) seat ORDER BY seat % 7) x"),
	model_text($house), 'seats collected');

# --- binary COPY

$node->safe_psql('postgres', qq{
	COPY maps (n, map) TO '$files/maps.bin' WITH (FORMAT binary);
	CREATE TABLE copied (n int, map seatmap);
	COPY copied FROM '$files/maps.bin' WITH (FORMAT binary);
});
is($node->safe_psql('postgres', 'SELECT count(*) FROM maps JOIN copied USING (n, map) WHERE maps.map::text = copied.map::text'),
	@maps, 'binary COPY round trip');

sub binary_copy
{
	my ($name, $value) = @_;
	open my $file, '>:raw', "$files/$name" or die "$files/$name: $!";
	print $file "PGCOPY\n\xff\r\n\0", pack('NN', 0, 0), pack('n N/a* n', 1, $value, 0xffff);
	close $file or die "$files/$name: $!";
	return "COPY received FROM '$files/$name' WITH (FORMAT binary);\n";
}

# Each value in one session: how the server answers, and that it is still there.
sub answers
{
	my (@values) = @_;
	my $script = "\\set VERBOSITY sqlstate\nCREATE TABLE received (map seatmap);\n";
	for my $i (0 .. $#values)
	{
		$script .= "TRUNCATE received;\n" . binary_copy("value$i", $values[$i]);
		$script .= "SELECT '$i', :'SQLSTATE', (SELECT map::text FROM received);\n";
	}
	my ($status, $out) = $node->psql('postgres', $script . "DROP TABLE received;\n", on_error_stop => 0);
	return split /\n/, $out, -1;
}

my @bad = (
	[ 'no byte at all',                  '',                                  '08P01' ],
	[ 'three bytes of capacity',         "\0\0\0",                            '08P01' ],
	[ 'no bits',                         pack('N', 8),                        '22P03' ],
	[ 'one byte too few',                pack('N a*', 9, "\1"),               '22P03' ],
	[ 'one byte too many',               pack('N a*', 8, "\1\0"),             '22P03' ],
	[ 'a byte after an empty map',       pack('N a*', 0, "\0"),               '22P03' ],
	[ 'lowest padding bit set',          pack('N a*', 9, "\0\2"),             '22P03' ],
	[ 'highest padding bit set',         pack('N a*', 9, "\0\x80"),           '22P03' ],
	[ 'highest padding bit of 7 seats',  pack('N a*', 7, "\x80"),             '22P03' ],
	[ 'negative capacity',               pack('N', 0xffffffff),               '22023' ],
	[ 'lowest integer',                  pack('N', 0x80000000),               '22023' ],
	[ 'one seat over the limit',         pack('N', $limit + 1),               '54000' ],
	[ 'one seat over the limit, full',   pack('N a*', $limit + 1, "\0" x 125001), '54000' ],
	[ 'highest integer',                 pack('N', 0x7fffffff),               '54000' ]);
my @answers = answers(map { $_->[1] } @bad);
is($answers[$_], "$_|$bad[$_][2]|", "received: $bad[$_][0]") for 0 .. $#bad;

my @good = ('', '0', '1', '00000001', '000000001', '1' x 63, '1' x 64, '1' x 65, '0' x $limit);
@answers = answers(map { pack 'N a*', length, model_bytes($_) } @good);
is($answers[$_], "$_|00000|" . model_text($good[$_]), 'received: ' . model_text($good[$_])) for 0 .. $#good;

# Valid values with bytes changed, dropped and added.
my @mutants = map {
	my $value = pack 'N a*', length $_, model_bytes($_);
	for (1 .. 1 + int rand 2)
	{
		my $at = int rand(length($value) + 1);
		substr($value, $at, int rand 2) = rand() < 0.7 ? chr int rand 256 : '' if $at < length $value;
		$value .= chr int rand 256 if rand() < 0.1;
	}
	$value
} map { random_bits(int rand 40) } 1 .. 300;

sub model_received
{
	my ($value) = @_;
	return '08P01|' if length $value < 4;
	my ($capacity, $bytes) = unpack 'N a*', $value;
	return '22023|' if $capacity >= 0x80000000;
	return '54000|' if $capacity > $limit;
	return '22P03|' if length $bytes != int(($capacity + 7) / 8);
	my $bits = unpack 'b*', $bytes;
	return '22P03|' if substr($bits, $capacity) =~ /1/;
	return '00000|' . model_text(substr $bits, 0, $capacity);
}
same_rows('binary input with changed bytes',
	[ answers(@mutants) ], [ map { "$_|" . model_received($mutants[$_]) } 0 .. $#mutants ],
	sub { 'value ' . unpack 'H*', $mutants[ $_[0] ] });

# --- text input, valid and not

my @tokens = (' ', "\t", ',', ',', '-', '-', ':', '{', '}', '0', '1', '9', '00', '7', '999999', '1000000', '2147483648',
	'99999999999999999999', '+', '.', 'e', 'x', ';', "\x0b", '');

sub mutated_text
{
	my $text = model_text(random_bits((9, 20, 70)[ rand 3 ]));
	for (1 .. int rand 4)
	{
		substr($text, rand(length($text) + 1), int rand 2) = $tokens[ rand @tokens ];
	}
	return $text;
}

my @texts = map { mutated_text() } 1 .. 4000;
my %escape = ("\t" => '\\t', "\x0b" => '\\v');
write_lines('texts', map { "$_\t" . ($texts[$_] =~ s/([\t\x0b])/$escape{$1}/gr) } 0 .. $#texts);
$node->safe_psql('postgres', qq{
	CREATE TABLE texts (n int, text text);
	COPY texts FROM '$files/texts';
	CREATE FUNCTION read_text(text text) RETURNS text LANGUAGE plpgsql AS \$\$
	BEGIN
		RETURN text::seatmap;
	EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range OR program_limit_exceeded THEN
		RETURN 'refused';
	END \$\$;
});
my @meant   = map { model_parse($_) } @texts;
my $refused = grep { !defined } @meant;
note "$refused of " . @texts . ' texts are malformed';
cmp_ok($refused, '>', 1000, 'enough malformed texts to tell');
cmp_ok(@texts - $refused, '>', 1000, 'enough well-formed texts to tell');
same_rows('text input with changed characters',
	[ query('SELECT read_text(text) FROM texts ORDER BY n') ],
	[ map { defined $_ ? model_text($_) : 'refused' } @meant ], sub { "text: >$texts[$_[0]]<" });

# --- from PostgreSQL 16 on, the same refusals can be asked for without an error

if ($node->pg_version >= 16)
{
	same_rows('soft input errors',
		[ query(q{SELECT pg_input_is_valid(text, 'tixbook.seatmap') FROM texts ORDER BY n}) ],
		[ map { bool(defined) } @meant ], sub { "text: >$texts[$_[0]]<" });
}

$node->stop;
done_testing();
