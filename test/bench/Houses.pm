# Events to measure on, in houses that are built once.
package Houses;
use v5.30;
use warnings;

# A house of so many seats in ten sections, in rows of so many.
sub house
{
	my ($bench, $seats, $row_length) = @_;
	return $bench->keep("house $seats $row_length", sub { return $bench->sql("SELECT bench.make_house($seats, 10, $row_length)") });
}

# A new event in it; holds last a day, so that no round's holds end in another round.
sub event
{
	my ($bench, $seats, $row_length) = @_;
	my $house = house($bench, $seats, $row_length);
	my $event = $bench->sql("SELECT bench.make_event($house)");
	$bench->sql('VACUUM ANALYZE tixbook.seat_block');
	return $event;
}

my $ARENA = 20_000;

sub arena { return event($_[0], $ARENA, 20) }

# Sold in parties of one to four until half of it is gone, with the gaps that released holds leave.
sub half_sold_arena
{
	my ($bench) = @_;
	my $make = sub {
		my $event = arena($bench);
		$bench->load('reserve_party', { event => $event, first => 0, last => 9 }, calls => 0.28 * $ARENA, seconds => 60);
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
		my $last = $sections - 1;
		$bench->load('reserve_party', { event => $event, first => 0, last => $last },
			calls => 0.039 * $ARENA * $sections, seconds => 60);
		$bench->sql("SELECT bench.hold_rest($event, $sections * $ARENA / 10)");
		return $event;
	};
	return $bench->keep("arena sold out to $sections", $make);
}

sub verify
{
	my ($bench, $given) = @_;
	return "SELECT * FROM tixbook.verify($given->{event})";
}

1;
