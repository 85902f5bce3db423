# Whatever indexes a DBA adds, rebuilds or drops, also amid the sale: each row is found through each of them, and
# logical replication carries every change.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Test;

my $node = new_node('indexes', streaming => 1, conf => ['wal_level = logical']);

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

sql('CREATE EXTENSION amcheck');
my $event = new_house($node, 'postgres', 400, 50);
my $pid = wait_for_worker($node, 'postgres');

# Every row has its entry in every B-tree index, and no key stands there twice.
sub check_indexes
{
	my ($name) = @_;
	my ($status, $said, $error) = $node->psql('postgres', <<~'SQL', on_error_stop => 1);
		SELECT count(bt_index_check(c.oid, heapallindexed => true)::text)
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
		WHERE t.relnamespace = 'tixbook'::regnamespace AND i.indisvalid
		  AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree');
		SELECT 'not valid: ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid;
		SQL
	return ok($status == 0 && $said =~ /^[1-9]\d*$/ && $error eq '', $name) || diag("$said$error");
}

# A day of a box office: held with a key, then paid, given up or left to end; most of the paid are cancelled,
# lest a fast machine sells the house out.
my $script = $node->basedir . '/customer.sql';
append_to_file($script, <<"SQL");
\\set fate random(1, 8)
\\set number random(1, 1000000000000000)
SELECT booking_id AS id FROM tixbook.reserve($event, 2, customer => 'customer :number', hold_for => '1 s',
                                             idempotency_key => 'key :number') \\gset
\\if :fate >= 5
SELECT tixbook.confirm(':id', 'payment :number');
\\elif :fate >= 3
SELECT tixbook.release(':id');
\\endif
\\if :fate >= 6
SELECT tixbook.cancel(':id', 'not wanted');
\\endif
SQL

sub start_sale
{
	my ($seconds) = @_;
	my %sale = (out => '');
	$sale{run} = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 4, '-T', $seconds, '-f', $script, $node->connstr('postgres') ],
		'<', \undef, '>', \$sale{out}, '2>', \$sale{out});
	return \%sale;
}

# Not a customer may be refused for want of an index.
sub finish_sale
{
	my ($sale, $name) = @_;
	$sale->{run}->finish;
	is($sale->{run}->full_result(0), 0, "$name: every customer was served") or diag($sale->{out});
	my ($served) = $sale->{out} =~ /actually processed: (\d+)/;
	cmp_ok($served // 0, '>', 50, "$name: the sale was on");
	return;
}

# Indexes of every kind, whether their columns and predicates are understood or not.
sql(<<'SQL');
CREATE INDEX dba_columns ON tixbook.booking (customer DESC, created_at) INCLUDE (amount);
CREATE INDEX dba_expression ON tixbook.booking (lower(customer));
CREATE INDEX dba_status ON tixbook.booking (status, expires_at);
CREATE INDEX dba_expired ON tixbook.booking (created_at) WHERE status = 'expired';
CREATE INDEX dba_ended ON tixbook.booking (created_at) WHERE status IN ('expired', 'released');
CREATE INDEX dba_unpaid ON tixbook.booking (created_at) WHERE payment_reference IS NULL;
CREATE INDEX dba_large ON tixbook.booking (amount) WHERE amount > 100 AND customer IS NOT NULL;
CREATE INDEX dba_hash ON tixbook.booking USING hash (customer);
CREATE INDEX dba_brin ON tixbook.booking USING brin (amount, expires_at);
CREATE INDEX dba_gin ON tixbook.booking USING gin (seats);
CREATE UNIQUE INDEX dba_secret ON tixbook.ticket (secret);
ALTER TABLE tixbook.ticket ADD CONSTRAINT dba_deferred UNIQUE (booking_id, seat_index) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX dba_reason ON tixbook.booking_history (reason) WHERE reason IS NOT NULL;
CREATE INDEX dba_free ON tixbook.seat_block (free);
CREATE INDEX dba_block_brin ON tixbook.seat_block USING brin (version);
SQL
finish_sale(start_sale(2), 'indexes of the DBA');
ok(in_time("SELECT count(*) = 0 FROM tixbook.booking WHERE status = 'held'"), 'what was not paid has ended');
check_indexes('all indexes are whole');

# What no check knows is compared with a look at every row.
my %found = (
	booking => {
		hash => "customer = (SELECT min(customer) FROM tixbook.booking WHERE status = 'confirmed')",
		brin => 'amount > 0',
		gin  => 'seats @> (SELECT seats[1:1] FROM tixbook.booking ORDER BY booking_id LIMIT 1)'
	},
	seat_block => { brin => 'version > 0' });
for my $table (sort keys %found)
{
	for my $kind (sort keys %{ $found{$table} })
	{
		my ($by_index, $by_look) = map {
			sql("SET enable_$_ = off; SET enable_bitmapscan = " . ($_ eq 'seqscan' ? 'on' : 'off')
			  . "; SET enable_indexscan = " . ($_ eq 'seqscan' ? 'on' : 'off')
			  . "; SELECT count(*) FROM tixbook.$table WHERE $found{$table}{$kind}")
		} 'seqscan', 'tidscan';
		cmp_ok($by_look, '>', 0, "$table: there is something to find");
		is($by_index, $by_look, "$table: $kind finds it");
	}
}

# A unique index of the DBA refuses what breaks it, and nothing is left of it.
sql('CREATE UNIQUE INDEX dba_one_each ON tixbook.booking (customer, event_id) WHERE amount = 15000');
sql("SELECT tixbook.reserve($event, 3, customer => 'ann')");
my ($status, undef, $error) = $node->psql('postgres', "SELECT tixbook.reserve($event, 3, customer => 'ann')");
like($error, qr/duplicate key value violates unique constraint "dba_one_each"/, 'a unique index of the DBA holds');
is(sql("SELECT count(*) FROM tixbook.booking WHERE customer = 'ann'"), 1, 'and nothing is left of the second booking');

# Indexes are made, rebuilt and dropped while everybody buys; logical replication takes it all along.
my $copy = new_node('copy', conf => ['tixbook.expiry_worker = off']);
my $tables = 'tixbook.booking, tixbook.ticket, tixbook.ticket_void, tixbook.seat_block, tixbook.idempotency_key';
sql("CREATE PUBLICATION sales FOR TABLE $tables");
$copy->safe_psql('postgres', "CREATE SUBSCRIPTION sales CONNECTION '" . $node->connstr
	  . " dbname=postgres' PUBLICATION sales WITH (streaming = on)");
$copy->wait_for_subscription_sync($node, 'sales');

# An old snapshot makes CREATE INDEX CONCURRENTLY wait at its end, with the index ready to be written but not yet in use.
my @pause = ('-c', 'BEGIN ISOLATION LEVEL REPEATABLE READ', '-c', 'SELECT 1', '-c', 'SELECT pg_sleep(0.5)', '-c', 'COMMIT');
my $report = IPC::Run::start([ 'psql', '-XAtq', (@pause) x 14, $node->connstr('postgres') ], '<', \undef, '>', \my $slept);
my $sale = start_sale(8);
for my $round (1 .. 3)
{
	sql($_)
	  for 'CREATE INDEX CONCURRENTLY dba_late ON tixbook.booking (adjacent, created_at)',
	  'REINDEX TABLE CONCURRENTLY tixbook.booking',
	  'CREATE INDEX CONCURRENTLY dba_late_too ON tixbook.ticket (booking_id)',
	  'REINDEX INDEX CONCURRENTLY tixbook.seat_block_pkey',
	  'REINDEX TABLE CONCURRENTLY tixbook.ticket',
	  'REINDEX TABLE CONCURRENTLY tixbook.idempotency_key',
	  'REINDEX INDEX tixbook.booking_due_idx';
	check_indexes("round $round: all indexes are whole");
	sql("DROP INDEX CONCURRENTLY tixbook.$_") for 'dba_late', 'dba_late_too';
}
finish_sale($sale, 'indexes come and go');
$report->finish;
ok(in_time("SELECT count(*) = 0 FROM tixbook.booking WHERE status = 'held' AND customer <> 'ann'"),
	'the worker found all that was due');
is(worker_pid($node, 'postgres'), $pid, 'by its first life');
check_indexes('all indexes are whole');
is(sql('SELECT count(*) FROM tixbook.verify()'), 0, 'verify() finds nothing');

$node->wait_for_catchup('sales');
for my $table (split /, /, $tables)
{
	my $digest = "SELECT count(*) || ' ' || md5(string_agg(t::text, ',' ORDER BY t::text)) FROM $table t";
	is($copy->safe_psql('postgres', $digest), sql($digest), "the copy of $table is the same");
}
$copy->stop;

# A session that has written to tables that were dropped and made anew writes to the new ones.
my $session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe("SELECT tixbook.reserve($event, 1)");
sql('DROP EXTENSION tixbook CASCADE; CREATE EXTENSION tixbook');
$event = new_house($node, 'postgres', 2, 5);
$session->query_safe("SELECT tixbook.reserve($event, 1)");
is(sql('SELECT count(*) FROM tixbook.booking'), 1, 'an extension made anew is written to');
check_indexes('all indexes are whole');
$session->quit;

$node->stop;
done_testing();
