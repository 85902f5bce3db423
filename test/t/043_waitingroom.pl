# The waiting room with its worker: the start, the cap, no-shows, a crash amid it, and a worker that comes late.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Test;

my $CAP   = 6;
my $FANS  = 120;
my $node  = new_node('waitingroom', conf => [ 'restart_after_crash = on', "tixbook.waitingroom_tick = '50ms'" ]);
my $event = new_house($node, 'postgres', 20, 20);

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

sub worker_pid_of_room
{
	return sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'tixbook waiting room worker'");
}

# Looks, each in a transaction of its own, until all of them have had their turn; who is let in buys
# a seat, leaves, or keeps his session until it ends. Every fifth never looks.
sql(<<~SQL);
	CREATE TABLE had_turn (fan text, place bigint);
	CREATE PROCEDURE be_fans(event integer, first integer, last integer) LANGUAGE plpgsql AS \$\$
	DECLARE
	    fan text;
	    status tixbook.queue_status;
	    waiting integer;
	BEGIN
	    LOOP
	        waiting := 0;
	        FOR i IN first .. last LOOP
	            CONTINUE WHEN i % 5 = 0 OR EXISTS (SELECT FROM had_turn t WHERE t.fan = 'fan ' || i);
	            fan := 'fan ' || i;
	            status := tixbook.queue_status(event, fan);
	            COMMIT;
	            IF status.state = 'admitted' THEN
	                INSERT INTO had_turn VALUES (fan, status.position);
	                IF i % 5 = 1 THEN
	                    PERFORM tixbook.confirm((tixbook.reserve(event, 1, customer => fan, admission => status.token)).booking_id, fan);
	                ELSIF i % 5 < 4 THEN
	                    PERFORM tixbook.leave_waiting_room(event, fan);
	                END IF;
	                COMMIT;
	            ELSIF status.state IN ('ended', 'missed') THEN
	                INSERT INTO had_turn VALUES (fan, status.position);
	                COMMIT;
	            ELSE
	                waiting := waiting + 1;
	            END IF;
	        END LOOP;
	        EXIT WHEN waiting = 0;
	        PERFORM pg_sleep(0.01);
	        COMMIT;
	    END LOOP;
	END
	\$\$
	SQL

sub start_fans
{
	my ($first, $last) = @_;
	my $out = $node->basedir . "/fans$first";
	return IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', "CALL be_fans($event, $first, $last)" ],
		'<', \undef, '>', $out, '2>', "$out.err");
}

# How many sessions were alive at once, at most.
sub most_at_once
{
	return sql(<<~SQL);
		SELECT max(n) FROM (
		    SELECT sum(step) OVER (ORDER BY at, step) AS n
		    FROM (SELECT started_at AS at, 1 AS step FROM tixbook.waiting_room_session WHERE session_ends > started_at
		          UNION ALL
		          SELECT session_ends, -1 FROM tixbook.waiting_room_session WHERE session_ends > started_at) s) t
		SQL
}

# Before the start: two thirds have joined, and nobody is let in.
sql("SELECT tixbook.open_waiting_room($event, now() + interval '1 hour', 200, $CAP, '1 second', '2 seconds')");
ok(in_time("SELECT count(*) = 1 FROM tixbook.worker_status() WHERE job = 'waitingroom' AND state = 'running'"),
	'opening a room starts the worker');
my $early = $FANS * 2 / 3;
sql("SELECT count(j.entry) FROM generate_series(1, $early) g, tixbook.join_waiting_room($event, 'fan ' || g) j");
is(sql("SELECT DISTINCT state FROM generate_series(1, $early) g, tixbook.queue_status($event, 'fan ' || g)"), 'gathering',
	'they gather');
is(sql('SELECT count(*) FROM tixbook.waiting_room_pointer'), 0, 'and nothing moves');

# The start, and those who are late.
sql("UPDATE tixbook.waiting_room SET starts_at = now() WHERE event_id = $event");
ok(in_time("SELECT drawn = $early FROM tixbook.waiting_room"), 'the worker starts the room');
sql(<<~SQL);
	SELECT count(j.entry) FROM generate_series($early + 1, $FANS) g, tixbook.join_waiting_room($event, 'fan ' || g) j
	SQL
is(sql(<<~SQL), 't', 'and the rest stands behind, in its order');
	SELECT bool_and(q.position = q.entry AND q.position >= $early)
	FROM generate_series($early + 1, $FANS) g, tixbook.queue_status($event, 'fan ' || g) q
	SQL
is(sql(<<~SQL), $early, 'one place each');
	SELECT count(DISTINCT tixbook.draw_position(r.seed, r.drawn, e.entry))
	FROM tixbook.waiting_room_entry e JOIN tixbook.waiting_room r USING (event_id) WHERE e.entry < r.drawn
	SQL

# A crash amid it.
my $half   = $FANS / 2;
my @fans   = (start_fans(1, $half), start_fans($half + 1, $FANS));
ok(in_time('SELECT count(*) > 10 FROM had_turn'), 'fans are let in');
my $known = sql('SELECT count(*) FROM tixbook.waiting_room_session');
$node->stop('immediate');
$_->finish for @fans;
$node->start;
cmp_ok(sql('SELECT count(*) FROM tixbook.waiting_room_session'), '>=', $known, 'a crash loses no session');
is(sql(<<~SQL), 't', 'and puts nobody back behind the pointer');
	SELECT max(s.place) < max(p.admitted) FROM tixbook.waiting_room_session s JOIN tixbook.waiting_room_pointer p USING (event_id)
	SQL
ok(in_time("SELECT count(*) = 1 FROM tixbook.worker_status() WHERE job = 'waitingroom' AND state = 'running'"),
	'a room that is open has a worker again after the restart');
is(sql("SELECT entry >= $FANS FROM tixbook.join_waiting_room($event, 'after the crash')"), 't', 'no number is given twice');

# Until all have had their turn.
@fans = (start_fans(1, $half), start_fans($half + 1, $FANS));
$_->finish for @fans;
is(sql('SELECT count(*) FROM had_turn'), $FANS * 4 / 5, 'all who look have their turn, whoever stays away');
cmp_ok(most_at_once(), '<=', $CAP, 'never are more than the cap in their sessions');
cmp_ok(most_at_once(), '>=', 2, 'though more than one is');
is(sql('SELECT count(*) = count(DISTINCT entry) FROM tixbook.waiting_room_entry'), 't', 'entries are one each');
is(sql("SELECT count(*) > 0 AND count(*) <= $FANS / 5 FROM tixbook.ticket"), 't', 'they have bought');
ok(in_time('SELECT active <= 1 FROM tixbook.waiting_room_pointer'), 'and places of those who stayed away are given up');
is(sql(<<~SQL), 'missed', 'they have missed it');
	SELECT DISTINCT q.state FROM generate_series(5, $early, 5) g, tixbook.queue_status($event, 'fan ' || g) q
	SQL
is(sql('SELECT count(*) FROM tixbook.verify()'), 0, 'verify() finds nothing');

# A worker that comes late lets no crowd in: two seconds of its pace, and what one more tick may.
sql("SELECT tixbook.set_waiting_room_pace($event, 10, 1000)");
ok(in_time('SELECT admitted = joined FROM tixbook.waiting_room_pointer'), 'all are in');
my $worker = worker_pid_of_room();
kill 'STOP', $worker;
sql("SELECT count(j.entry) FROM generate_series(1, 200) g, tixbook.join_waiting_room($event, 'crowd ' || g) j");
sql('UPDATE tixbook.waiting_room_pointer SET ticked_at = ticked_at - interval \'1 hour\'');
my ($before, $xmin) = split /\|/, sql('SELECT admitted, xmin FROM tixbook.waiting_room_pointer');
kill 'CONT', $worker;
ok(in_time("SELECT xmin <> $xmin FROM tixbook.waiting_room_pointer"), 'the worker goes on');
my $let_in = sql('SELECT admitted FROM tixbook.waiting_room_pointer') - $before;
cmp_ok($let_in, '<=', 10 * 2 + 10, "a late worker lets no crowd in: $let_in");

# Listeners are told.
my ($out, $err) = ('', '');
my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \my $in, '>', \$out, '2>', \$err,
	my $timer = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
$in .= qq{LISTEN "queue.update";\nLISTEN "availability.update";\n\\echo listening\n};
$psql->pump until $out =~ /listening/;
sql("SELECT booking_id FROM tixbook.rebook_seats($event, '{399}', 'ann')");
until ($out =~ /"queue.update"/ && $out =~ /"availability.update"/)
{
	$in .= "SELECT 1;\n";
	$psql->pump;
	select undef, undef, undef, 0.02;
}
like($out, qr/"queue\.update" with payload "\{"event_id": $event, "state": "admitting", "admitted": \d+, "joined": \d+, "active": \d+, "per_second": [\d.]+\}"/,
	'of the queue');
like($out, qr/"availability\.update" with payload "\{"event_id": $event, "free": \d+\}"/, 'and of the seats');
$in .= "\\q\n";
$psql->finish;

sql("SELECT tixbook.close_waiting_room($event)");
is(sql("SELECT tixbook.tick_waiting_rooms()"), 0, 'a closed room does not move');

$node->stop;
done_testing();
