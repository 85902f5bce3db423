# Workers come, stay away and go as the extension, the databases and the settings do.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Test;

my $node = new_node('lifecycle', conf => ["max_worker_processes = 6"]);

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

my $pid = wait_for_worker($node, 'postgres');

sub becomes
{
	my ($expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(in_time(<<~SQL), $name)
		SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), 'none') = '$expected'
		FROM pg_stat_activity WHERE backend_type = 'tixbook expiry worker' AND state = 'idle'
		SQL
	  || diag(tixbook_processes($node));
}

# Only databases with the extension keep a worker.
sql('CREATE DATABASE other');
becomes('postgres', 'a database without the extension keeps no worker');
is(worker_value($node, 'postgres', 'restarts'), 0, 'no worker has died so far');

# A worker that is killed comes back, and works.
my $shop = new_house($node, 'postgres', 2, 10);
sql('SELECT pg_terminate_backend(' . worker_pid($node, 'postgres') . ')');
my $next = wait_for_worker($node, 'postgres', $pid);
isnt($next, $pid, 'a terminated worker is started again');
is(worker_value($node, 'postgres', 'restarts'), 1, 'its end is counted');
sql("SELECT tixbook.reserve($shop, 2, hold_for => '1 s')");
ok(in_time("SELECT count(*) = 0 FROM tixbook.booking WHERE status = 'held'"),
	'and it ends holds');

# Terminated as soon as it is up, time and again: the pauses between starts grow.
sql(<<'SQL');
DO $$
DECLARE
    stop timestamptz := clock_timestamp() + interval '3 s';
BEGIN
    WHILE clock_timestamp() < stop LOOP
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'tixbook expiry worker';
        PERFORM pg_sleep(0.005);
    END LOOP;
END
$$
SQL
cmp_ok(worker_value($node, 'postgres', 'restarts'), '<=', 8,
	'a worker that keeps dying is started ever later');
becomes('postgres', 'but it comes back');

# The launcher: workers live on without it, and it comes back.
$pid = worker_pid($node, 'postgres');
my $launcher = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'tixbook launcher'";
my $launcher_pid = sql($launcher);
sql("SELECT pg_terminate_backend($launcher_pid)");
ok(in_time("SELECT count(*) = 1 FROM ($launcher) l WHERE pid <> $launcher_pid"),
	'a terminated launcher is started again');
is(worker_pid($node, 'postgres'), $pid, 'the worker went on meanwhile');
sql("SELECT pg_terminate_backend($pid)");
isnt(wait_for_worker($node, 'postgres', $pid), $pid, 'the new launcher looks after the old worker');

# DROP EXTENSION and CREATE EXTENSION, in one session and in one transaction.
$pid = worker_pid($node, 'postgres');
sql('BEGIN; DROP EXTENSION tixbook; ROLLBACK');
sql('SET lock_timeout = 100; DROP EXTENSION tixbook');
becomes('none', 'DROP EXTENSION sends the worker away');
sql('CREATE EXTENSION tixbook');
becomes('postgres', 'CREATE EXTENSION brings one');
my $session = $node->background_psql('postgres', on_error_stop => 1);
for my $round (1 .. 3)
{
	$session->query_safe('DROP EXTENSION tixbook');
	$session->query_safe('CREATE EXTENSION tixbook');
}
$session->query_safe('SELECT tixbook.start_worker()');
becomes('postgres', 'the worker is there after a quick drop and create');
$pid = wait_for_worker($node, 'postgres');
$session->query_safe('BEGIN; DROP EXTENSION tixbook; CREATE EXTENSION tixbook; COMMIT');
$shop = new_house($node, 'postgres', 2, 10);
sql("SELECT tixbook.reserve($shop, 2, hold_for => '1 s')");
isnt(wait_for_worker($node, 'postgres', $pid), $pid, 'an extension made anew gets a new worker with its first hold');
ok(in_time("SELECT count(*) = 1 FROM tixbook.booking WHERE status = 'expired'"),
	'which ends the holds of the new one');
$session->quit;

# What comes next may be a restore: until its session ends, or calls, nobody works there.
sql('CREATE DATABASE made');
$session = $node->background_psql('made', on_error_stop => 1);
$session->query_safe('SET client_min_messages = warning; CREATE EXTENSION tixbook CASCADE');
$node->reload;
sql('DROP EXTENSION tixbook');
becomes('none', 'who makes the extension has no worker beside him');
sql('CREATE EXTENSION tixbook');
becomes('postgres', 'while another database gets its own');
$session->quit;
becomes('made postgres', 'until he has gone');
sql('DROP DATABASE made');

# Databases are copied, renamed, moved and dropped as if no worker were connected.
sql('CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION tixbook CASCADE');
becomes('postgres shop', 'a second database gets its own worker');
sql('CREATE DATABASE shop2 TEMPLATE shop');
becomes('postgres shop shop2', 'a copied database gets a worker, and the template its own back');
sql('ALTER DATABASE shop2 RENAME TO shop3');
becomes('postgres shop shop3', 'a renamed database keeps a worker');
my $tablespace = $node->basedir . '/tablespace';
mkdir $tablespace;
sql("CREATE TABLESPACE elsewhere LOCATION '$tablespace'");
sql('ALTER DATABASE shop3 SET TABLESPACE elsewhere');
becomes('postgres shop shop3', 'and so does one that is moved');

# In a transaction block the worker stays away until the end.
$session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe('BEGIN; ALTER DATABASE shop3 RENAME TO shop4');
becomes('postgres shop', 'a database being renamed has no worker');
$session->query_safe('ROLLBACK');
becomes('postgres shop shop3', 'until the transaction ends');
$session->quit;
isnt($node->psql('postgres', 'BEGIN; DROP DATABASE shop3'), 0, 'DROP DATABASE is refused in a transaction');
becomes('postgres shop shop3', 'and the worker comes back after the refusal');

# Who may not drop it cannot send its worker away either.
sql('CREATE ROLE nobody LOGIN CREATEDB');
$pid = worker_pid($node, 'shop3');
isnt($node->psql('postgres', 'DROP DATABASE shop3', extra_params => [ '-U', 'nobody' ]), 0,
	'a stranger cannot drop a database');
is(worker_pid($node, 'shop3'), $pid, 'nor disturb its worker');

# A worker amid its work is no hindrance either.
$shop = new_house($node, 'shop3', 50, 40);
$node->append_conf('postgresql.conf', 'tixbook.expiry_batch = 1');
$node->reload;
$node->safe_psql('shop3',
	"SELECT count(*) FROM (SELECT tixbook.reserve($shop, 1, hold_for => '1 s') FROM generate_series(1, 2000)) r");
ok(in_time("SELECT holds_expired BETWEEN 1 AND 1900 FROM tixbook.worker_status()"
		. " WHERE database_name = 'shop3'"),
	'a worker is busy');
my ($took) = sql(<<'SQL');
SELECT clock_timestamp() AS began \gset
DROP DATABASE shop3;
SELECT clock_timestamp() - :'began' < interval '2 s';
SQL
is($took, 't', 'and DROP DATABASE succeeds at once');
becomes('postgres shop', 'its worker is gone for good');
unlike(slurp_file($node->logfile), qr/database "?\w+"? does not exist|being accessed by other users/,
	'nobody came too late or too early');
sql('ALTER SYSTEM SET tixbook.expiry_batch = 1000');

# Which databases get workers is a setting.
for my $case (['shop', 'shop'], ['"other", "postgres"', 'postgres'], ['', 'postgres shop'])
{
	my ($setting, $expected) = @$case;
	$node->append_conf('postgresql.conf', "tixbook.databases = '$setting'");
	$node->reload;
	becomes($expected, "tixbook.databases = '$setting'");
}
$node->append_conf('postgresql.conf', "tixbook.databases = '\"shop'");
$node->reload;
becomes('none', 'a list that cannot be read allows nobody');
like(slurp_file($node->logfile), qr/invalid list of names in "tixbook.databases"/, 'and the log says so');
$node->append_conf('postgresql.conf', "tixbook.databases = ''");
$node->append_conf('postgresql.conf', 'tixbook.expiry_worker = off');
$node->reload;
becomes('none', 'tixbook.expiry_worker = off sends all workers away');
is(worker_value($node, 'shop', 'state'), 'excluded', 'and worker_status tells that they are not to be');
$node->append_conf('postgresql.conf', 'tixbook.expiry_worker = on');
$node->reload;
becomes('postgres shop', 'and on brings them back');
sql('ALTER DATABASE shop ALLOW_CONNECTIONS false');
sql('SELECT pg_terminate_backend(' . worker_pid($node, 'shop') . ')') if worker_pid($node, 'shop');
becomes('postgres', 'a database that allows no connections gets none');
sql('ALTER DATABASE shop ALLOW_CONNECTIONS true');
becomes('postgres shop', 'until it does again');

# Out of processes: one message, and a start when there is room again.
# Of the 3, the launcher and that of logical replication take one each.
sql('DROP DATABASE other');
my $log = -s $node->logfile;
$node->append_conf('postgresql.conf', 'max_worker_processes = 3');
$node->restart;
ok($node->wait_for_log(qr/out of background worker slots for the tixbook expiry worker/, $log),
	'out of worker slots: the log says so');
ok(in_time("SELECT string_agg(state, ' ' ORDER BY state) = 'running wanted' FROM tixbook.worker_status()"),
	'one worker runs, the other is wanted');
like(slurp_file($node->logfile, $log), qr/HINT:  You might need to increase "max_worker_processes"/,
	'with a hint');
my ($served) = sql(
	"SELECT database_name FROM tixbook.worker_status() WHERE state = 'running'");
$node->safe_psql($served, 'DROP EXTENSION tixbook');
becomes($served eq 'shop' ? 'postgres' : 'shop', 'the other starts when the first has gone');
is(() = slurp_file($node->logfile, $log) =~ /out of background worker slots/g, 1, 'the log said it once');
$node->safe_psql($served, 'CREATE EXTENSION tixbook');
$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
$node->append_conf('postgresql.conf', 'tixbook.max_databases = 1');
$log = -s $node->logfile;
$node->restart;
ok($node->wait_for_log(qr/more databases need a tixbook worker than "tixbook.max_databases" allows/, $log),
	'out of databases: the log says so');
$node->append_conf('postgresql.conf', 'tixbook.max_databases = 16');
$node->restart;
becomes('postgres shop', 'with room enough all databases are served after a restart');

$node->stop;
done_testing();
