# A sale amid which its database is taken elsewhere, by whatever means: what comes along, and how it goes on there.
package Tixbook::Sale;
use v5.30;
use warnings;
use Test::More;
use Tixbook::Test;

my $ROWS  = 10;
my $SEATS = 20;
my $FANS  = 5;

# On a server whose workers leave database postgres alone: what is due waits until it is elsewhere.
sub new
{
	my ($class, $node) = @_;
	my $self = bless { node => $node }, $class;
	@$self{qw(event queued crowded)} = map { new_house($node, 'postgres', $ROWS, $SEATS) } 1 .. 3;
	$self->sell;
	$self->queue_up;
	return $self;
}

sub sell
{
	my ($self) = @_;
	my $sql = sub { $self->{node}->safe_psql('postgres', @_) };
	@$self{qw(paid held released)} =
	  map { $sql->("SELECT booking_id FROM tixbook.reserve($self->{event}, $_, customer => 'ann', hold_for => '1 h')") } 4, 3, 2;
	$sql->("SELECT tixbook.confirm('$self->{paid}', 'payment 1')");
	$sql->("SELECT tixbook.release('$self->{released}')");
	$self->{with_key} = "SELECT tixbook.reserve($self->{event}, 2, hold_for => '1 h', idempotency_key => 'key 1')";
	$self->{keyed}    = $sql->($self->{with_key});
	$self->{ending}   = $sql->("SELECT booking_id FROM tixbook.reserve($self->{event}, 5, hold_for => '1 s')");
	return;
}

# Requests that wait, and a waiting room whose start comes now.
sub queue_up
{
	my ($self) = @_;
	my $sql = sub { $self->{node}->safe_psql('postgres', @_) };
	$sql->("SELECT tixbook.submit_request($self->{queued}, 2, customer => 'fan ' || n) FROM generate_series(1, 3) n");
	$sql->("SELECT tixbook.open_waiting_room($self->{crowded}, now(), 100, $FANS)");
	$sql->("SELECT tixbook.join_waiting_room($self->{crowded}, 'fan ' || n) FROM generate_series(1, $FANS) n");
	return;
}

# Every table of the extension, and what of the catalogs a copy could lose: the same before and after.
sub contents
{
	my ($self, $node, $database) = @_;
	my $tables = $node->safe_psql($database, <<~'SQL');
		SELECT string_agg(format('(SELECT %L || count(*)'
		                         || ' || md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), ''''))'
		                         || ' FROM tixbook.%I t)', relname || ' ', relname), ', ' ORDER BY relname)
		FROM pg_class WHERE relnamespace = 'tixbook'::regnamespace AND relkind IN ('r', 'p')
		SQL
	return $node->safe_psql($database, <<~SQL);
		SELECT unnest(ARRAY[$tables])
		UNION ALL SELECT * FROM (SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled)
		    FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1) AS t
		UNION ALL SELECT * FROM (SELECT concat_ws(' ', oid::regclass, relreplident)
		    FROM pg_class WHERE relnamespace = 'tixbook'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1) AS t
		UNION ALL SELECT * FROM (SELECT concat_ws(' ', sequencename, last_value)
		    FROM pg_sequences WHERE schemaname = 'tixbook' ORDER BY 1) AS t
		SQL
}

# It goes on where it was; what is due is seen to by the workers there, unasked.
sub goes_on
{
	my ($self, $node, $database) = @_;
	my $sql     = sub { $node->safe_psql($database, @_) };
	my $in_time = sub { $node->poll_query_until($database, @_) };

	ok($in_time->("SELECT status <> 'held' FROM tixbook.booking WHERE booking_id = '$self->{ending}'"),
		"$database: a hold that has ended is cleared away");
	ok($in_time->("SELECT count(*) = 3 FROM tixbook.request WHERE event_id = $self->{queued} AND status = 'held'"),
		"$database: requests that waited are worked off");
	ok($in_time->("SELECT admitted = $FANS FROM tixbook.waiting_room_pointer WHERE event_id = $self->{crowded}"),
		"$database: the waiting room starts and lets fans in");
	is($sql->("SELECT entry FROM tixbook.join_waiting_room($self->{crowded}, 'late')"), $FANS,
		"$database: who joins it stands behind");
	is($sql->(<<~SQL), '2', "$database: who is let in books");
		SELECT cardinality(seats) FROM tixbook.queue_status($self->{crowded}, 'fan 1') q,
		    tixbook.reserve($self->{crowded}, 2, customer => 'fan 1', admission => q.token)
		SQL
	is($sql->("SELECT status FROM tixbook.confirm('$self->{held}', 'payment 2')"), 'confirmed',
		"$database: a hold made before is paid now");
	is($sql->($self->{with_key}), $self->{keyed}, "$database: a repeated request gets its answer");
	is($sql->("SELECT status FROM tixbook.cancel('$self->{paid}')"), 'cancelled', "$database: a sale is cancelled");
	my $left = $ROWS * $SEATS - 3 - 2;
	is($sql->("SELECT sum(free) FROM tixbook.seat_block WHERE event_id = $self->{event}"), $left,
		"$database: the seats are those that were left");
	is($sql->("SELECT free FROM tixbook.availability($self->{event})"), $left, "$database: and its map says so");
	my $short = $sql->("SELECT booking_id FROM tixbook.reserve($self->{event}, 1, hold_for => '1 s')");
	ok($in_time->("SELECT status = 'expired' FROM tixbook.booking WHERE booking_id = '$short'"), "$database: a hold made there ends");
	cmp_ok(new_house($node, $database, 2, 5), '>', $self->{crowded}, "$database: new events get new numbers");
	is($sql->('SELECT count(*) FROM tixbook.verify()'), 0, "$database: verify() finds nothing after that");
	return;
}

1;
