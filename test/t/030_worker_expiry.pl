# Holds end at their instant, by a worker that sleeps until then.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use DBD::Pg ':async';
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Test;

my $node  = new_node('expiry');

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

my $event = new_house($node, 'postgres', 50, 40);
my $pid   = wait_for_worker($node, 'postgres');

sub free_seats
{
	return sql("SELECT sum(free) FROM tixbook.seat_block WHERE event_id = $event");
}

sub ended
{
	my ($count, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(in_time("SELECT count(*) = $count FROM tixbook.booking WHERE status = 'expired'"), $name);
}

# A thousand holds that end at the same instant. The lag is taken twice: as a
# customer would see it, and as the worker counts it. The machine may be busy
# with other things, so one round of three must be prompt and all of them fair.
my $round = <<"SQL";
SELECT clock_timestamp() + interval '4 s' AS ending \\gset
SELECT count(*) AS made FROM (
    SELECT tixbook.reserve($event, 2, hold_for => :'ending' - clock_timestamp())
    FROM generate_series(1, 1000)) r \\gset
SELECT set_config('test.ending', max(expires_at)::text, false) AS ending
FROM tixbook.booking WHERE status = 'held' \\gset
SELECT :made = 1000 AND clock_timestamp() < :'ending' AS ready;
DO \$\$
BEGIN
    PERFORM pg_sleep_until(current_setting('test.ending')::timestamptz);
    WHILE EXISTS (SELECT FROM tixbook.booking WHERE status = 'held')
          AND clock_timestamp() < current_setting('test.ending')::timestamptz + interval '5 s' LOOP
        PERFORM pg_sleep(0.002);
    END LOOP;
    PERFORM set_config('test.lag', (extract(epoch FROM clock_timestamp()
        - current_setting('test.ending')::timestamptz) * 1000)::integer::text, false);
END
\$\$;
SELECT current_setting('test.lag');
SELECT (extract(epoch FROM last_lag) * 1000)::integer FROM tixbook.worker_status();
SQL
my (@seen, @counted);
for (1 .. 3)
{
	my ($ready, $seen, $counted) = grep { length } split /\n/, sql($round);
	is($ready, 't', '1,000 holds that end at one instant');
	push @seen,    $seen;
	push @counted, $counted;
	is(free_seats(), 2000, 'all their seats are back');
}
note "lag of 1,000 holds, ms: seen @seen, counted @counted";
cmp_ok((sort { $a <=> $b } @seen)[0],  '<', 200,  'back within 200 ms of their end');
cmp_ok((sort { $a <=> $b } @seen)[-1], '<', 1000, 'even the slowest round was within a second');
cmp_ok((sort { $a <=> $b } @counted)[0], '<', 200, 'and the worker counts the same');
is(worker_value($node, 'postgres', 'holds_expired'), 3000, 'worker_status counts the holds');
is(worker_value($node, 'postgres', 'errors'), 0, 'without an error');

# Nobody looks in vain: neither worker nor launcher wakes while nothing is due.
sub idle_counts
{
	my $launcher = sql(
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'tixbook launcher'");
	return join ' ', worker_value($node, 'postgres', 'wake_ups'), naps($pid), naps($launcher);
}
sql('DELETE FROM tixbook.idempotency_key');
$pid = wait_for_worker($node, 'postgres');
my $before = idle_counts();
sql('SELECT pg_sleep(3)');
is(idle_counts(), $before, 'worker and launcher sleep while nothing is due');

# Nor while there is a hold that ends later, and another that ends later still.
sql("SELECT tixbook.reserve($event, 1, hold_for => '4 min')");
wait_for_worker($node, 'postgres');
my $in_4_min = "next_wake BETWEEN now() + interval '3 min' AND now() + interval '4 min'";
ok(in_time("SELECT $in_4_min FROM tixbook.worker_status()"),
	'the worker sleeps until the next hold ends');
$before = idle_counts();
sql("SELECT tixbook.reserve($event, 1, hold_for => '1 h')");
sql('SELECT pg_sleep(1)');
is(idle_counts(), $before, 'a hold that ends after that does not wake it');

# One that ends sooner does.
sql("SELECT tixbook.reserve($event, 1, hold_for => '1 s')");
ended(3001, 'a shorter hold wakes it');
is(worker_value($node, 'postgres', $in_4_min),
	't', 'and then it sleeps on');

# A hold whose transaction commits long after it was made counts from its commit.
my $late = $node->background_psql('postgres', on_error_stop => 1);
$late->query_safe("BEGIN; SELECT tixbook.reserve($event, 1, hold_for => '1 s'); SELECT pg_sleep(1.2)");
is(sql("SELECT count(*) FROM tixbook.booking WHERE status = 'held'"), 2, 'not committed yet');
$late->query_safe('COMMIT');
ended(3002, 'a hold that was over before its commit ends then');
$late->query_safe('BEGIN; SAVEPOINT s');
$late->query_safe("SELECT tixbook.reserve($event, 1, hold_for => '1 s')");
$late->query_safe('ROLLBACK TO s');
$late->query_safe("SELECT tixbook.reserve($event, 1, hold_for => '1 s'); COMMIT");
ended(3003, 'beside a savepoint that rolled back');

# What others have locked is left, without a spin, and does not stop the rest.
my $locked = sql("SELECT booking_id FROM tixbook.reserve($event, 1, hold_for => '2 s')");
$late->query_safe("BEGIN; SELECT FROM tixbook.booking WHERE booking_id = '$locked' FOR UPDATE");
ok(in_time("SELECT expires_at < now() FROM tixbook.booking WHERE booking_id = '$locked'"),
	'a hold is due and locked');
sql("SELECT tixbook.reserve($event, 1, hold_for => '1 s')");
ended(3004, 'the rest ends nevertheless');
my $wake_ups = worker_value($node, 'postgres', 'wake_ups');
sql('SELECT pg_sleep(1)');
cmp_ok(worker_value($node, 'postgres', 'wake_ups') - $wake_ups, '<', 30, 'the worker does not spin on it');
$late->query_safe('COMMIT');
ended(3005, 'and it ends when it is let go');
$late->quit;

# A hold that cannot be ended stops no other, and ends once its fault is mended.
my $bad = new_house($node, 'postgres', 2, 5);
sql("SELECT tixbook.reserve($bad, 1, hold_for => '1 s')");
sub shift_blocks
{
	my ($of, $by) = @_;
	return sql(<<~SQL);
		SET session_replication_role = replica;
		UPDATE tixbook.venue_block SET block_no = block_no + $by
		WHERE venue_id = (SELECT venue_id FROM tixbook.event WHERE event_id = $of);
		RESET session_replication_role;
		UPDATE tixbook.event SET name = name WHERE event_id = $of;
		SQL
}
shift_blocks($bad, 1000);
my $log = -s $node->logfile;
sql("SELECT tixbook.reserve($event, 1, hold_for => '1200 ms')");
ended(3006, 'beside a hold that cannot be ended the others end');
ok($node->wait_for_log(qr/WARNING:  could not end the hold of booking/, $log), 'the log tells of it');
is(worker_pid($node, 'postgres'), $pid, 'the worker lives on');
$wake_ups = worker_value($node, 'postgres', 'wake_ups');
sql('SELECT pg_sleep(1)');
cmp_ok(worker_value($node, 'postgres', 'wake_ups') - $wake_ups, '<', 30, 'and does not spin');
sql("INSERT INTO tixbook.idempotency_key SELECT $event, 'reserve', 'ann', 'old', now(), '', '{}'");
ok(in_time('SELECT count(*) = 0 FROM tixbook.idempotency_key'), 'nor does it keep the worker from purging');
is(sql("SELECT count(*) FROM tixbook.booking WHERE event_id = $bad AND status = 'held'"), 1, 'which stands as it did');
shift_blocks($bad, -1000);
ended(3007, 'and ends that one once it can be');

# Nor do more of them than a batch has, those of an instant among them; neither for the worker nor for sweep().
$node->append_conf('postgresql.conf', 'tixbook.expiry_batch = 10');
$node->reload;
my $worse = new_house($node, 'postgres', 3, 10);
sql("SELECT count(tixbook.reserve($worse, 1, hold_for => '4 s')) FROM generate_series(1, 26)");
sql("UPDATE tixbook.booking SET expires_at = (SELECT min(expires_at) FROM tixbook.booking WHERE status = 'held' AND event_id = $worse)
	WHERE event_id = $worse AND seats[1] % 2 = 1");
shift_blocks($worse, 1000);
sql("SELECT tixbook.reserve($event, 1, hold_for => '4 s')");
ended(3008, 'beside more of them than a batch has the others end');
is(sql("SELECT count(*) FROM tixbook.booking WHERE event_id = $worse AND status = 'held'"), 26, 'and they do not');
$wake_ups = worker_value($node, 'postgres', 'wake_ups');
sql('SELECT pg_sleep(1)');
cmp_ok(worker_value($node, 'postgres', 'wake_ups') - $wake_ups, '<', 60, 'the worker does not spin on them');
$node->append_conf('postgresql.conf', 'tixbook.expiry_worker = off');
$node->reload;
ok(in_time("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'tixbook expiry worker'"), 'the worker goes');
my $after = sql("SELECT booking_id FROM tixbook.reserve($event, 1, hold_for => '100 ms')");
ok(in_time("SELECT expires_at < now() FROM tixbook.booking WHERE booking_id = '$after'"), 'a hold is due after them');
is(sql('SELECT tixbook.sweep(10)'), 1, 'and sweep() ends it');
$node->append_conf('postgresql.conf', 'tixbook.expiry_worker = on');
$node->reload;
$pid = wait_for_worker($node, 'postgres');
shift_blocks($worse, -1000);
ended(3035, 'until they can be ended');

# Nor do as many whose blocks somebody has locked.
my $held = new_house($node, 'postgres', 3, 10);
sql("SELECT count(tixbook.reserve($held, 1, hold_for => '1 s')) FROM generate_series(1, 26)");
my $clerk = $node->background_psql('postgres', on_error_stop => 1);
$clerk->query_safe("BEGIN; UPDATE tixbook.seat_block SET version = version WHERE event_id = $held");
sql("SELECT tixbook.reserve($event, 1, hold_for => '1200 ms')");
ended(3036, 'beside a batch of those whose blocks are locked the others end');
$wake_ups = worker_value($node, 'postgres', 'wake_ups');
sql('SELECT pg_sleep(1)');
cmp_ok(worker_value($node, 'postgres', 'wake_ups') - $wake_ups, '<', 60, 'the worker does not spin on them');
$clerk->query_safe('COMMIT');
$clerk->quit;
ended(3062, 'and they when they can');

# Nor does a purge that cannot be made.
my $locker = $node->background_psql('postgres', on_error_stop => 1);
$locker->query_safe('BEGIN; LOCK TABLE tixbook.idempotency_key');
sql("SELECT count(tixbook.reserve($event, 1, hold_for => '1 s')) FROM generate_series(1, 40)");
ended(3102, 'holds end while the keys cannot be purged');
is(worker_value($node, 'postgres', 'errors'), 0, 'which is no error');
$locker->query_safe('COMMIT');
$locker->quit;
$node->append_conf('postgresql.conf', 'tixbook.expiry_batch = 1000');
$node->reload;

# Law 3: with no worker at all, who needs the seats gets them.
sql("UPDATE tixbook.booking SET expires_at = now() WHERE status = 'held'; SELECT tixbook.start_worker()");
ended(3104, 'nothing is held');
$node->append_conf('postgresql.conf', 'tixbook.expiry_worker = off');
$node->reload;
ok(in_time("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'tixbook expiry worker'"),
	'no worker is left');
my $small = new_house($node, 'postgres', 2, 5);
sql("SELECT tixbook.reserve($small, 10, hold_for => '1 s')");
isnt($node->psql('postgres', "SELECT tixbook.reserve($small, 1)"), 0, 'sold out while the hold lasts');
ok(in_time("SELECT bool_and(expires_at < now()) FROM tixbook.booking WHERE event_id = $small"),
	'the hold is over');
is(sql("SELECT count(*) FROM tixbook.booking WHERE event_id = $small AND status = 'held'"),
	1, 'nobody has given its seats back');
is(sql("SELECT cardinality(seats) FROM tixbook.reserve($small, 10, hold_for => '1 s')"),
	10, 'reserve takes them');
ok(in_time("SELECT bool_and(expires_at < now()) FROM tixbook.booking WHERE event_id = $small"),
	'and when that is over');
is(sql("SELECT seats FROM tixbook.reserve_seats($small, '{3,4}')"),
	'{3,4}', 'reserve_seats takes those it names');
is(sql('SELECT count(*) FROM tixbook.verify()'), 0, 'verify() finds nothing');

# A sweep that waits for a lock keeps nobody from a seat meanwhile.
my $over = sql("SELECT seats FROM tixbook.reserve($small, 1, hold_for => '100 ms')");
ok(in_time("SELECT expires_at < now() FROM tixbook.booking WHERE event_id = $small AND seats = '$over'"), 'a hold is over');
my ($owner, $sweeper) = map { connect_to($node) } 1, 2;
$owner->begin_work;
$owner->do('LOCK TABLE tixbook.idempotency_key');
$sweeper->do('SELECT tixbook.sweep()', { pg_async => PG_ASYNC });
ok(in_time("SELECT wait_event = 'relation' FROM pg_stat_activity WHERE pid = $sweeper->{pg_pid}"), 'a sweep waits for the keys');
is(sql("SELECT seats FROM tixbook.reserve_seats($small, '$over')"), $over, 'and not with the seat in its hands');
$owner->commit;
$sweeper->pg_result;
$_->disconnect for $owner, $sweeper;

# The worker finds what was due when it comes back.
sql("SELECT tixbook.reserve($event, 5, hold_for => '1 s')");
$node->append_conf('postgresql.conf', 'tixbook.expiry_worker = on');
$node->reload;
ok(in_time("SELECT count(*) = 0 FROM tixbook.booking WHERE status = 'held' AND event_id = $event"),
	'a worker that comes back ends what is due');

# Where many end at once it leaves the processors to others for a while after each batch. Nor does it walk again over
# what it has ended, which an open snapshot keeps in the index.
sub entries_read
{
	my ($index) = @_;
	return sql("SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = '$index'");
}
$node->append_conf('postgresql.conf', 'tixbook.expiry_batch = 200');
$node->reload;
sql("SELECT count(tixbook.reserve($event, 1, hold_for => '1 h')) FROM generate_series(1, 1800)");
$pid = wait_for_worker($node, 'postgres');
sql("UPDATE tixbook.booking SET expires_at = now() + interval '3 s' - n * interval '1 us'
	FROM (SELECT booking_id AS id, row_number() OVER () AS n FROM tixbook.booking WHERE status = 'held') AS held WHERE booking_id = id");
sql('VACUUM tixbook.booking');
my $reader = $node->background_psql('postgres', on_error_stop => 1);
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM tixbook.event');
my ($naps, $read, $free) = (naps($pid), entries_read('booking_due_idx'), free_seats());
sql('SELECT tixbook.start_worker()');
ok(in_time("SELECT sum(free) = $free + 1800 FROM tixbook.seat_block WHERE event_id = $event"), 'nine batches end');
# What it has read it says when it goes to sleep.
ok(in_time("SELECT idx_tup_read >= $read + 1800 FROM pg_stat_user_indexes WHERE indexrelname = 'booking_due_idx'"), 'all are found');
cmp_ok(naps($pid) - $naps, '>=', 9, 'with a pause after each');
cmp_ok(entries_read('booking_due_idx') - $read, '<', 7000, 'and no batch walks over those before it');
note 'naps in nine batches: ', naps($pid) - $naps, ', entries read: ', entries_read('booking_due_idx') - $read;

# So where holds end one by one, on and on.
sql("SELECT count(tixbook.reserve($event, 1, hold_for => '1 h')) FROM generate_series(1, 900)");
$free = free_seats();
sql("UPDATE tixbook.booking SET expires_at = now() + interval '1 s' + n * interval '3 ms'
	FROM (SELECT booking_id AS id, row_number() OVER () AS n FROM tixbook.booking WHERE status = 'held') AS held WHERE booking_id = id");
$read = entries_read('booking_due_idx');
sql('SELECT tixbook.start_worker()');
ok(in_time("SELECT sum(free) = $free + 900 FROM tixbook.seat_block WHERE event_id = $event"), '900 end one by one');
ok(in_time("SELECT idx_tup_read >= $read + 900 FROM pg_stat_user_indexes WHERE indexrelname = 'booking_due_idx'"), 'all are found');
cmp_ok(entries_read('booking_due_idx') - $read, '<', 50_000, 'and few are walked over again');
note 'entries read for 900 holds: ', entries_read('booking_due_idx') - $read;
$reader->query_safe('COMMIT');
$reader->quit;

# Each batch goes on where the last one ended; what was locked then is come back to.
$node->append_conf('postgresql.conf', 'tixbook.expiry_worker = off');
$node->reload;
ok(in_time("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'tixbook expiry worker'"), 'the worker goes');
sql("SELECT count(tixbook.reserve($event, 1, hold_for => '1 h')) FROM generate_series(1, 700)");
sql("UPDATE tixbook.booking SET expires_at = now() - interval '1 s' - n * interval '1 us'
	FROM (SELECT booking_id AS id, row_number() OVER () AS n FROM tixbook.booking WHERE status = 'held') AS held WHERE booking_id = id");
my $other = $node->background_psql('postgres', on_error_stop => 1);
$other->query_safe("BEGIN; SELECT FROM tixbook.booking WHERE status = 'held' ORDER BY expires_at LIMIT 1 FOR UPDATE");
$node->append_conf('postgresql.conf', 'tixbook.expiry_worker = on');
$node->reload;
ok(in_time("SELECT count(*) = 1 FROM tixbook.booking WHERE status = 'held'"), 'four batches end, but for one hold');
$other->query_safe('COMMIT');
$other->quit;
ok(in_time("SELECT count(*) = 0 FROM tixbook.booking WHERE status = 'held'"), 'which ends when it is let go');
$node->append_conf('postgresql.conf', 'tixbook.expiry_batch = 1000');
$node->reload;

# Ended holds are kept for as long as the setting says, and then it is the worker that purges them: also on and on,
# without walking again over what it has deleted, which an open snapshot keeps in the index.
is(sql("SELECT count(*) > 3000 FROM tixbook.booking WHERE status = 'expired'"), 't', 'ended holds are kept');
is(worker_value($node, 'postgres', 'holds_purged'), 0, 'for the time being');
my $ended = sql("SELECT count(*) FROM tixbook.booking WHERE status = 'expired'");
sql('VACUUM tixbook.booking');
$reader = $node->background_psql('postgres', on_error_stop => 1);
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM tixbook.event');
$read = entries_read('booking_ended_idx');
$node->append_conf('postgresql.conf', "tixbook.ended_hold_ttl = 0\ntixbook.expiry_batch = 200");
$node->reload;
ok(in_time("SELECT count(*) = 0 FROM tixbook.booking WHERE status = 'expired'"), 'the worker purges them when their time is over');
ok(in_time('SELECT holds_purged > 3000 FROM tixbook.worker_status()'), 'and counts them');
ok(in_time("SELECT idx_tup_read >= $read + $ended FROM pg_stat_user_indexes WHERE indexrelname = 'booking_ended_idx'"), 'all are found');
cmp_ok(entries_read('booking_ended_idx') - $read, '<', 6 * $ended, 'and no batch walks over those before it');
note "entries read to purge $ended: ", entries_read('booking_ended_idx') - $read;
$reader->query_safe('COMMIT');
$reader->quit;
is(sql('SELECT count(*) FROM tixbook.verify()'), 0, 'all is sound without them');

# A sale that never pauses keeps nothing from being purged: that goes on between the batches of holds that end.
# A new worker has not purged just now.
$node->append_conf('postgresql.conf', 'tixbook.expiry_batch = 10');
$node->reload;
sql("SELECT count(tixbook.reserve($event, 1, hold_for => '1 h')) FROM generate_series(1, 1800)");
$pid = wait_for_worker($node, 'postgres');
sql("SELECT pg_terminate_backend($pid)");
ok(in_time("SELECT count(*) = 1 FROM tixbook.worker_status() WHERE job = 'expiry' AND pid <> $pid"), 'a new worker is there');
wait_for_worker($node, 'postgres');
my $amid = sql(<<~'SQL');
	CREATE TEMP TABLE seen (held bigint, ended bigint);
	DO $$
	BEGIN
	    UPDATE tixbook.booking SET expires_at = now() WHERE status = 'held';
	    PERFORM tixbook.start_worker();
	    COMMIT;
	    LOOP
	        INSERT INTO seen SELECT count(*) FILTER (WHERE status = 'held'), count(*) FILTER (WHERE status = 'expired') FROM tixbook.booking;
	        COMMIT;
	        EXIT WHEN NOT EXISTS (SELECT FROM tixbook.booking WHERE status = 'held');
	    END LOOP;
	END
	$$;
	SELECT count(*) FROM seen WHERE held BETWEEN 1 AND 1700 AND held + ended < 1700;
	SQL
cmp_ok($amid, '>', 0, 'ended holds go while others end');

# So with a waiting room, batch by batch; that it is over is told to a worker who sleeps.
sql(<<"SQL");
SELECT tixbook.open_waiting_room($event, now(), 1, 1);
INSERT INTO tixbook.waiting_room_entry (event_id, entry, joined_at, customer)
SELECT $event, n, now(), 'fan ' || n FROM generate_series(0, 24999) n;
SQL
$node->append_conf('postgresql.conf', "tixbook.waiting_room_ttl = 0\ntixbook.expiry_batch = 500\ntixbook.waitingroom_worker = off");
$node->reload;
wait_for_worker($node, 'postgres');
my $batches = worker_value($node, 'postgres', 'batches');
sql("SELECT tixbook.close_waiting_room($event)");
wait_for_worker($node, 'postgres');
is(sql('SELECT count(*) FROM tixbook.waiting_room_entry'), 25000, 'entries of a closed room stay while its event is on sale');
sql("SELECT tixbook.close_sale($event)");
ok(in_time('SELECT count(*) = 0 FROM tixbook.waiting_room_entry'), 'the worker purges them when its sale is closed');
ok(in_time('SELECT purged_at IS NOT NULL FROM tixbook.waiting_room'), 'and says since when');
is(worker_value($node, 'postgres', 'entries_purged'), 25000, 'counts them');
cmp_ok(worker_value($node, 'postgres', "batches - $batches"), '>=', 50, 'and never takes many at once');

$node->stop;
done_testing();
