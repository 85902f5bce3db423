# The lines of the benchmark.  Each has a pgbench script of its name under lines/, and may have
#   prepare => what a round needs before it (returns variables for the script),
#   check   => a query that returns a row for everything wrong after the round.
package Lines;
use v5.30;
use warnings;

my $SEATS    = 1_000_000;
my $SECTIONS = 10;

my @LINES = (
	{ name => 'select_1', title => 'SELECT 1' },
	{ name => 'insert', title => 'one-row durable INSERT' },
	{
		name    => 'row_per_seat',
		title   => 'row per seat, FOR UPDATE SKIP LOCKED',
		prepare => \&prepare_rows,
		check   => \&check_rows
	},
	{
		name    => 'reserve',
		title   => 'reserve, rows of 100',
		seconds => \&selling,
		prepare => house(100),
		check   => \&verify
	},
	{
		name    => 'reserve_rows_of_20',
		title   => 'reserve, rows of 20',
		seconds => \&selling,
		prepare => house(20),
		check   => \&verify
	},
	{
		name    => 'reserve_with_key',
		title   => 'reserve with customer and idempotency key',
		seconds => \&selling,
		prepare => house(100),
		check   => \&verify
	},
	{
		name    => 'confirm',
		title   => 'confirm',
		seconds => sub { return selling($_[0]) / 2 },
		prepare => \&prepare_holds,
		check   => \&check_holds
	});

sub all { return @LINES }

sub selling { return $_[0]->affordable($_[0]{seconds}) }

# A new event for each round, in a house that is built once.
sub house
{
	my ($row_length) = @_;
	return sub {
		my ($bench) = @_;
		my $house = $bench->{houses}{$row_length} //=
		  $bench->sql("SELECT bench.make_house($SEATS, $SECTIONS, $row_length)");
		my $event = $bench->sql("SELECT bench.make_event($house)");
		$bench->sql('VACUUM ANALYZE tixbook.seat_block');
		return { event => $event };
	};
}

sub verify
{
	my ($bench, $given) = @_;
	return "SELECT * FROM tixbook.verify($given->{event})";
}

sub prepare_rows
{
	my ($bench) = @_;
	$bench->sql($_)
	  for 'TRUNCATE bench.seat, bench.hold, bench.booking',
	  "INSERT INTO bench.seat (event_id, section, seat_no)
	   SELECT 1, i * $SECTIONS / $SEATS, i % ($SEATS / $SECTIONS) FROM generate_series(0, $SEATS - 1) i",
	  'VACUUM ANALYZE bench.seat';
	return { event => 1 };
}

# Each booking has two seats, and no seat is held without a booking.
sub check_rows
{
	return "SELECT b.booking_id, count(s.seat_no) FROM bench.hold b
	        FULL JOIN (SELECT * FROM bench.seat WHERE status <> 'free') s USING (booking_id)
	        GROUP BY b.booking_id HAVING b.booking_id IS NULL OR count(s.seat_no) <> 2";
}

# More holds than the round can confirm: the same clients make them for twice as long, and reserve is the quicker call.
sub prepare_holds
{
	my ($bench) = @_;
	my $given = house(100)->($bench);
	$bench->pgbench('reserve', $given, $bench->affordable($bench->{seconds} + 3));
	$bench->sql($_)
	  for 'TRUNCATE bench.pending', "SELECT setval('bench.pending_next', 1, false)",
	  "INSERT INTO bench.pending SELECT row_number() OVER (ORDER BY created_at), booking_id
	   FROM tixbook.booking WHERE event_id = $given->{event} AND status = 'held'",
	  'VACUUM ANALYZE bench.pending';
	return $given;
}

sub check_holds
{
	my ($bench, $given) = @_;
	return "SELECT event_id::text, law, detail::text FROM tixbook.verify($given->{event}) UNION ALL
	        SELECT 'ran out of holds', NULL, NULL FROM bench.pending_next p
	        WHERE p.last_value >= (SELECT max(n) FROM bench.pending)";
}

1;
