# Opening a sale: how long it takes to put an arena on sale, and how much room its seats take.
package Groups::Opening;
use v5.30;
use warnings;

my $SEATS = 20_000;

sub group
{
	return {
		name    => 'opening',
		title   => 'Putting an event of 20,000 seats on sale, in rows of 20',
		measure => \&measure,
		facts   => [
			time  => { title => 'open_sale', unit => 'ms' },
			bytes => { title => 'bytes a seat, indexes included' },
			rows  => { title => 'the same of a row a seat' } ]
	};
}

# On a server of its own, since sizes are those of whole tables.
sub measure
{
	my ($bench) = @_;
	my $server = $bench->beside('opening');
	my $house  = $server->keep('house', sub { return $server->sql("SELECT bench.make_house($SEATS, 10, 20)") });
	my $event  = $server->sql("SELECT tixbook.create_event($house, 'opening', now() + interval '90 days', '{\"Standard\": 5000}')");
	my $took   = $server->sql("CREATE TEMP TABLE clock AS SELECT clock_timestamp() AS started;
		SELECT FROM tixbook.open_sale($event);
		SELECT extract(epoch FROM clock_timestamp() - started) FROM clock");
	$server->sql("INSERT INTO bench.seat (event_id, section, seat_no) SELECT $event, i / 2000, i % 2000 FROM generate_series(0, $SEATS - 1) i");
	my $bytes = sub {
		my ($table) = @_;
		return $server->sql("SELECT pg_total_relation_size('$table')::float8 / $SEATS / (SELECT count(DISTINCT event_id) FROM $table)");
	};
	return { time => 1000 * $took, bytes => $bytes->('tixbook.seat_block'), rows => $bytes->('bench.seat') };
}

1;
