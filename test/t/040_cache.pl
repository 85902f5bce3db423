# The seat maps in shared memory repeat the rows: under full load, while maps are forgotten and loaded again,
# after eviction, crash, DROP EXTENSION, on a standby and after its promotion.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use POSIX ();
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);
use Tixbook::Test;

my $SECONDS = $ENV{STRESS_SECONDS} // 60;
my ($ROWS, $SEATS) = (40, 25);
my $CAPACITY = $ROWS * $SEATS;
my $node  = new_node('cache', streaming => 1, conf => ['max_connections = 50', q{tixbook.cache_size = '1MB'}]);
my $event = new_house($node, 'postgres', $ROWS, $SEATS, max_per_booking => 10);

my $FROM_ROWS = "SELECT tixbook.seatmap_join(b.taken, vb.first_seat, $CAPACITY)::text FROM tixbook.seat_block b
	JOIN tixbook.event e USING (event_id) JOIN tixbook.venue_block vb USING (venue_id, block_no) WHERE event_id = $event";

sub events_in_cache { return $node->safe_psql('postgres', 'SELECT events FROM tixbook.cache_status()') }

# A child that repeats something until the time is over; its exit status tells whether all was well.
sub in_child
{
	my ($until, $work) = @_;
	my $pid = fork // die "cannot fork: $!\n";
	return $pid if $pid;
	my $well = eval {
		my $dbh = connect_to($node);
		$work->($dbh) while time < $until;
		$dbh->disconnect;
		1;
	};
	warn $@ if !$well;
	POSIX::_exit($well ? 0 : 1);
}

# Takes seats, and sees them taken at once; gives most of them back.
sub buy
{
	my ($dbh) = @_;
	my $hold = eval {
		$dbh->selectrow_arrayref("SELECT booking_id, seats FROM tixbook.reserve($event, 1 + (random() * 4)::integer)");
	};
	if (!$hold)
	{
		die $@ if $dbh->state !~ /^TB10[237]/;
		return;
	}
	my ($seen) = $dbh->selectrow_array(
		"SELECT bool_and(tixbook.contains(a.taken, s)) FROM tixbook.availability($event) a, unnest(?::integer[]) s", undef, $hold->[1]);
	die "seats @{$hold->[1]} are shown free after their commit\n" if !$seen;
	return if rand() < 0.1;
	my $undone = rand() < 0.2;
	$dbh->do('BEGIN') if $undone;
	eval { $dbh->do('SELECT tixbook.release(?)', undef, $hold->[0]) } or ($dbh->state eq 'TB107' or die $@);
	$dbh->do('ROLLBACK') if $undone;
	return;
}

# Whoever follows the house by what has changed since he looked the last time, has the house when all is quiet.
$node->safe_psql('postgres', <<~SQL);
	CREATE FUNCTION follow(INOUT house tixbook.seatmap, INOUT seen bigint, OUT changed integer) LANGUAGE plpgsql AS \$\$
	DECLARE
		a tixbook.event_availability := tixbook.availability($event, seen);
		change tixbook.block_change;
	BEGIN
		house := coalesce(a.taken, house);
		FOREACH change IN ARRAY coalesce(a.changes, '{}') LOOP
			house := tixbook.slice(house, 0, change.first_seat) OPERATOR(tixbook.||) change.taken OPERATOR(tixbook.||)
				tixbook.slice(house, change.first_seat + tixbook.length(change.taken),
				              $CAPACITY - change.first_seat - tixbook.length(change.taken));
		END LOOP;
		seen := a.version;
		changed := cardinality(a.changes);
	END
	\$\$
	SQL

subtest 'a minute of full load' => sub {
	my $until    = time + $SECONDS;
	my @children = map { in_child($until, \&buy) } 1 .. 8;

	# Maps go and come while others commit.
	push @children, in_child($until, sub {
		my ($dbh) = @_;
		$dbh->do("UPDATE tixbook.seat_block SET block_no = block_no WHERE event_id = $event AND block_no = ?", undef, int rand $ROWS);
		sleep 0.02;
	});
	my $follower = connect_to($node);
	my ($house, $seen, $changed, $by_changes) = (undef, undef, 0, 0);
	my $follow = sub {
		($house, $seen, $changed) = $follower->selectrow_array('SELECT house::text, seen, changed FROM follow(?, ?)', undef, $house, $seen);
		$by_changes++ if $changed;
	};
	$follow->() while time < $until;
	waitpid($_, 0), is($?, 0, 'a client saw nothing wrong') for @children;
	$follow->();
	my $rows = $node->safe_psql('postgres', $FROM_ROWS);
	is($house, $rows, 'who followed the changes has the house as the rows have it');
	is($node->safe_psql('postgres', "SELECT taken FROM tixbook.availability($event)"), $rows, 'so has the map');
	is($node->safe_psql('postgres', "SELECT sum(free) FROM tixbook.section_availability($event)"),
		$node->safe_psql('postgres', 'SELECT sum(free) FROM tixbook.seat_block'), 'section by section');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM tixbook.verify()'), 0, 'and all is sound');
	$node->safe_psql('postgres', "SELECT count(tixbook.release(booking_id)) FROM tixbook.booking WHERE status = 'held'");
	is($node->safe_psql('postgres', "SELECT free FROM tixbook.availability($event)"), $CAPACITY, 'all comes back');
	cmp_ok($by_changes, '>', 100, 'changes were told one by one');
	cmp_ok($node->safe_psql('postgres', 'SELECT loads FROM tixbook.cache_status()'), '>', 100, 'maps were loaded again and again');
};

subtest 'more events than there is room for' => sub {
	my $many = $node->safe_psql('postgres', <<~SQL);
		SELECT tixbook.create_event(venue_id, 'one of many', now() + interval '90 days', '{"Standard": 1}') AS event
		FROM tixbook.event, generate_series(1, 400) \\g /dev/null
		SELECT count(tixbook.open_sale(event_id)) FROM tixbook.event WHERE capacity = 0
		SQL
	my $sum = "SELECT sum(a.free), count(a.taken) FROM tixbook.event e, tixbook.availability(e.event_id) a WHERE e.name = 'one of many'";
	is($node->safe_psql('postgres', $sum), join('|', $many * $CAPACITY, $many), "$many more are read");
	$node->safe_psql('postgres', "SELECT count(tixbook.reserve(event_id, 3)) FROM tixbook.event WHERE name = 'one of many'");
	is($node->safe_psql('postgres', $sum), join('|', $many * ($CAPACITY - 3), $many), 'and read again once they have sold seats');
	my ($evictions, $used, $total) = split /\|/, $node->safe_psql('postgres', 'SELECT evictions, bytes_used, bytes_total FROM tixbook.cache_status()');
	cmp_ok($evictions, '>', 100, 'some had to go');
	cmp_ok($used, '<=', $total, 'within the room that was set aside');
};

subtest 'a crash' => sub {
	my $version = $node->safe_psql('postgres', "SELECT version FROM tixbook.availability($event)");
	$node->stop('immediate');
	$node->start;
	is(events_in_cache(), 0, 'leaves no map');
	is($node->safe_psql('postgres', "SELECT a.taken::text = ($FROM_ROWS), a.version > $version FROM tixbook.availability($event, $version) a"),
		't|t', 'who asks with a version from before gets all of the house');
};

subtest 'a session that is terminated while it loads a map' => sub {
	my $unseen = new_house($node, 'postgres', 2, 2);
	terminate_waiting($node, 'tixbook.seat_block', "SELECT free FROM tixbook.availability($unseen)");
	is($node->safe_psql('postgres', "SELECT tixbook.prewarm($unseen)"), 't', 'leaves the map to others');
};

subtest 'a standby and its promotion' => sub {
	$node->backup('copy');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	$node->safe_psql('postgres', "SELECT FROM tixbook.reserve($event, 2)");
	$node->wait_for_catchup($standby);
	my $rows = $standby->safe_psql('postgres', $FROM_ROWS);
	my $seen = $standby->safe_psql('postgres', "SELECT version FROM tixbook.availability($event)");
	is($standby->safe_psql('postgres', "SELECT taken FROM tixbook.availability($event)"), $rows, 'the standby reads the rows');
	is($standby->safe_psql('postgres', "SELECT taken FROM tixbook.availability($event, $seen)"), '', 'and knows when nothing has changed');
	is($standby->safe_psql('postgres', 'SELECT events FROM tixbook.cache_status()'), 0, 'without a map');
	my ($status, $out, $error) = $standby->psql('postgres', "SELECT tixbook.prewarm($event)");
	like($error, qr/the seat-map cache needs/, 'which it cannot have');
	$node->stop('immediate');
	$standby->promote;
	is($standby->safe_psql('postgres', "SELECT a.taken FROM tixbook.availability($event, $seen) a"), $rows, 'promoted, it tells everything anew');
	my $seat = $standby->safe_psql('postgres', "SELECT (SELECT seats[1] FROM tixbook.reserve($event, 1))");
	is($standby->safe_psql('postgres', "SELECT tixbook.contains(taken, $seat) FROM tixbook.availability($event)"), 't', 'and what it sells');
	$standby->stop;
	$node->start;
};

subtest 'the extension goes and comes' => sub {
	my $dbh = connect_to($node);
	$dbh->selectrow_array("SELECT free FROM tixbook.availability($event)");
	$dbh->do('SET client_min_messages = warning');
	$dbh->do('DROP EXTENSION tixbook CASCADE');
	$dbh->do('CREATE EXTENSION tixbook CASCADE');
	my $fresh = new_house($node, 'postgres', $ROWS, $SEATS, event_id => $event);
	is($dbh->selectrow_array("SELECT free FROM tixbook.availability($event)"), $CAPACITY, 'the same session sees the new house');
	is($node->safe_psql('postgres', "SELECT free FROM tixbook.availability($event)"), $CAPACITY, 'and so does another');
	$dbh->disconnect;
};

done_testing();
