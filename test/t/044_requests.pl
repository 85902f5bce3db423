# Requests are worked off by workers: each ends exactly once, whatever becomes of them; their number follows
# the backlog; each event keeps its pace.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use Tixbook::Test;

my $node = new_node('requests', conf => [ 'restart_after_crash = on', 'tixbook.request_workers_max = 3' ]);

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

sub configure
{
	my ($name, $value) = @_;
	sql("ALTER SYSTEM SET $name = $value");
	$node->reload;
	return in_time("SELECT current_setting('$name') = '$value'");
}

sub new_events
{
	my ($number, $per_second) = @_;
	my @events = map { new_house($node, 'postgres', 50, 40) } 1 .. $number;
	sql("SELECT tixbook.set_request_rate($_, $per_second)") for @events;
	return @events;
}

# All in one transaction, the events by turns.
sub submit
{
	my ($each, @events) = @_;
	my $list = join ',', @events;
	my $all  = $each * @events;
	return is(sql("SELECT count(tixbook.submit_request(e, 1, customer => 'fan ' || n))
		FROM generate_series(1, $each) n, unnest('{$list}'::integer[]) e"), $all, "$all requests are acknowledged");
}

sub waiting { return 'SELECT count(*) FROM tixbook.request WHERE waiting_since IS NOT NULL' }

sub workers
{
	return split /\n/, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tixbook requests worker'");
}

# What holds of the requests that were submitted, whatever has happened meanwhile.
sub ended_once
{
	my ($name, @events) = @_;
	my $list = join ',', @events;
	ok(in_time("SELECT count(*) = 0 FROM tixbook.request WHERE event_id IN ($list) AND waiting_since IS NOT NULL"), "$name: all are decided");
	is(sql("SELECT string_agg(DISTINCT status::text, ' ') FROM tixbook.request WHERE event_id IN ($list)"), 'held', "$name: each has become a hold");
	is(sql("SELECT count(*) FROM tixbook.request r FULL JOIN tixbook.booking b USING (booking_id)
		WHERE (r.event_id IN ($list) OR b.event_id IN ($list))
		  AND (r.request_id IS NULL OR b.booking_id IS NULL OR r.customer <> b.customer)"), 0, "$name: and just one");
	is(sql("SELECT count(*) = count(DISTINCT booking_id) FROM tixbook.request WHERE event_id IN ($list)"), 't', "$name: of its own");
	is(sql('SELECT count(*) FROM tixbook.verify()'), 0, "$name: the laws hold");
	return;
}

# Workers that are told to go, and one that is killed, which takes the whole server down; then they are let be.
my @events = new_events(3, 400);
submit(1200, @events);
my ($ended, $killed) = (0, 0);
while (sql(waiting()) > 0)
{
	my ($worker) = sort { rand() <=> 0.5 } workers();
	if (defined $worker && $ended >= 5 && !$killed)
	{
		$killed += kill 'KILL', $worker;
		$node->poll_query_until('postgres', 'SELECT true');
	}
	elsif (defined $worker && !$killed)
	{
		$ended += kill 'TERM', $worker;
	}
	sleep 0.1;
}
note "$ended workers were ended, $killed killed";
cmp_ok($ended, '>=', 5, 'workers were ended amid their work');
is($killed, 1, 'one was killed');
ended_once('killed workers', @events);
is(sql(<<~SQL), 0, 'the order of arrival was kept');
	SELECT count(*) FROM (SELECT ended_at < max(ended_at) OVER (PARTITION BY event_id ORDER BY submitted_at) AS overtaken
	                      FROM tixbook.request WHERE attempts = 1) r WHERE overtaken
	SQL

# They are as many as are needed.  One alone would take half a second on a fast machine.
@events = new_events(12, 0);
configure('tixbook.request_batch', 1);
submit(1500, @events);
my $most = 0;
while (sql(waiting()) > 0)
{
	$most = max($most, scalar workers());
	sleep 0.02;
}
note "up to $most workers";
cmp_ok($most, '>', 1, 'more of them come while events are late');
cmp_ok($most, '<=', 3, 'but no more than are allowed');
ended_once('several workers', @events);
ok(in_time("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'tixbook requests worker'"), 'then one remains');
configure('tixbook.request_batch', 500);

# It sleeps while there is nothing to do.
my $looks = "SELECT sum(wake_ups) FROM tixbook.worker_status() WHERE job = 'requests'";
sql('SELECT pg_sleep(3)');
my $before = sql($looks);
sql('SELECT pg_sleep(2)');
is(sql($looks), $before, 'it does not look in vain');

# The pace. The machine may be busy with other things, so one round of three must keep it.
my @kept;
for (1 .. 3)
{
	my ($event) = new_events(1, 400);
	submit(1600, $event);
	in_time("SELECT count(*) = 0 FROM tixbook.request WHERE event_id = $event AND waiting_since IS NOT NULL");
	push @kept, sql(<<~SQL) / 400;
		SELECT (count(*) FILTER (WHERE ended_at > first))::float8 / extract(epoch FROM max(ended_at) - min(ended_at))
		FROM (SELECT ended_at, date_trunc('milliseconds', min(ended_at) OVER () + interval '15 ms') AS first
		      FROM tixbook.request WHERE event_id = $event) r
		SQL
	last if abs($kept[-1] - 1) <= 0.05;
}
note "pace kept: @kept";
cmp_ok(abs($kept[-1] - 1), '<=', 0.05, 'the pace is kept within 5 %');

# What has been worked off is not looked through again and again, though no VACUUM comes by.
sql('ALTER TABLE tixbook.request SET (autovacuum_enabled = off)');
for my $dead (map { new_house($node, 'postgres', 100, 100) } 1 .. 2)
{
	sql("SELECT tixbook.set_request_rate($dead, 0)");
	submit(10_000, $dead);
	ok(in_time("SELECT count(*) = 0 FROM tixbook.request WHERE event_id = $dead AND waiting_since IS NOT NULL"), 'they are decided');
}
my $blocks = "SELECT pg_stat_force_next_flush(), idx_blks_hit + idx_blks_read FROM pg_statio_user_indexes WHERE indexrelname = 'request_waiting_idx'";
my $looked_at = sub { return (split /\|/, sql($blocks))[1] };
# What was counted of their work is told within seconds.
sql('SELECT pg_sleep(3)');
my $blocks_before = $looked_at->();
my ($next) = new_events(1, 200);
submit(200, $next);
ok(in_time("SELECT count(*) = 0 FROM tixbook.request WHERE event_id = $next AND waiting_since IS NOT NULL"), 'the next event, at its pace');
sql('SELECT pg_sleep(3)');
my $each = ($looked_at->() - $blocks_before) / 200;
note "$each blocks of the index are looked at for a request";
cmp_ok($each, '<', 150, 'few blocks are looked at for each');
sql('ALTER TABLE tixbook.request RESET (autovacuum_enabled)');

# What waits when the server stops without ado is worked off when it is back.
configure('tixbook.request_worker', 'off');
ok(in_time("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'tixbook requests worker'"), 'no worker where none is allowed');
@events = new_events(1, 0);
submit(100, @events);
$node->stop('immediate');
$node->append_conf('postgresql.auto.conf', "tixbook.request_worker = on");
$node->start;
ended_once('after a crash', @events);

$node->stop;
done_testing();
