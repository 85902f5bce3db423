# Events to measure on, in houses that are built once.
package Houses;
use v5.30;
use warnings;

# Reservations of two seats a second that nobody is expected to reach: there are seats for as many.
our $FASTEST = 35_000;

# How long a round of them may take in a house of so many seats, and two seconds to warm up.
sub seconds { return int($_[0] / (2 * $FASTEST)) - 2 }

# A new event in a house of so many seats in ten sections, in rows of so many.
sub event { return (events(@_[ 0 .. 2 ], 1))[0] }

# Several, one after another; returns the first and the last.  Their holds last a day, so that no
# round's holds end in another round.
sub events
{
	my ($bench, $seats, $row_length, $number) = @_;
	my $house = $bench->keep("house $seats $row_length",
		sub { return $bench->sql("SELECT bench.make_house($seats, 10, $row_length)") });
	my @events = split /\n/, $bench->sql("SELECT bench.make_event($house) FROM generate_series(1, $number)");
	$bench->sql('VACUUM ANALYZE tixbook.seat_block');
	return @events[ 0, -1 ];
}

my $ARENA = 20_000;

sub arena { return event($_[0], $ARENA, 20) }

# Sold in parties of one to four until half of it is gone, with the gaps that released holds leave.
sub half_sold_arena
{
	my ($bench) = @_;
	my $make = sub {
		my $event = arena($bench);
		sell_parties($bench, $event, 0, 9, 0.7);
		my $too_many = $bench->sql("SELECT (capacity / 2 - free) / 2.5 FROM tixbook.availability($event)");
		$bench->load('release', { event => $event, most => int $too_many }, seconds => 60);
		return $event;
	};
	return $bench->keep('half sold arena', $make);
}

# The first so many of its sections are sold out, to the last seat.
sub sold_out_arena
{
	my ($bench, $sections) = @_;
	my $make = sub {
		my $event = arena($bench);
		sell_parties($bench, $event, 0, $sections - 1, 0.97);
		$bench->sql("SELECT bench.hold_rest($event, $sections * $ARENA / 10)");
		return $event;
	};
	return $bench->keep("arena sold out to $sections", $make);
}

# So many twentieths of the arena, that is 1,000 seats, are left: as parties of one to four left them in
# one arena, named seats are then sold in all the others.
sub nearly_sold_arenas
{
	my ($bench, $number) = @_;
	my $pattern = $bench->keep('nearly sold arena', sub {
		my $event = arena($bench);
		sell_parties($bench, $event, 0, 9, 0.9);
		sell_parties_until($bench, $event, $ARENA / 20) for 1 .. 2;
		return $event;
	});
	my ($first, $last) = events($bench, $ARENA, 20, $number);
	$bench->sql("SELECT bench.sell_like($pattern, $first, $last)");
	return ($first, $last);
}

sub fresh_arenas { return events($_[0], $ARENA, 20, $_[1]) }

# Parties of one to four, until that part of the sections is gone.
sub sell_parties
{
	my ($bench, $event, $first, $last, $part) = @_;
	my $parties = int($part * $ARENA * ($last - $first + 1) / 10 / 2.5) or return;
	$bench->load('reserve_party', { event => $event, first => $first, last => $last }, calls => $parties, seconds => 60);
	return;
}

# The same until about so many seats are left.
sub sell_parties_until
{
	my ($bench, $event, $free) = @_;
	my $too_many = $bench->sql("SELECT greatest(free - $free, 0) FROM tixbook.availability($event)");
	sell_parties($bench, $event, 0, 9, $too_many / $ARENA);
	return;
}

# What is wrong with the event; nothing, if all is well.
sub verify
{
	my ($bench, $given) = @_;
	return violations($bench, $given->{event});
}

# The same of all events of the server.
sub verify_all { return violations($_[0], '') }

sub violations
{
	my ($bench, $event) = @_;
	$bench->sql('ANALYZE tixbook.booking, tixbook.ticket');
	return $bench->sql("SELECT * FROM tixbook.verify($event) LIMIT 10");
}

1;
