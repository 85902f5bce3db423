# pg_dump takes a database along amid its sale; restored elsewhere, the sale goes on there.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Test;

my $node  = new_node('dump');
my $event = new_house($node, 'postgres', 10, 20);
my ($paid, $held, $released) = map {
	$node->safe_psql('postgres',
		"SELECT booking_id FROM tixbook.reserve($event, $_, customer => 'ann', hold_for => '1 h')")
} 4, 3, 2;
$node->safe_psql('postgres', "SELECT tixbook.confirm('$paid', 'payment 1')");
$node->safe_psql('postgres', "SELECT tixbook.release('$released')");
my $with_key = "SELECT tixbook.reserve($event, 2, hold_for => '1 h', idempotency_key => 'key 1')";
my $keyed    = $node->safe_psql('postgres', $with_key);

# Every table of the extension, as text: the same before and after.
my $tables = $node->safe_psql('postgres', <<'SQL');
SELECT string_agg(format('(SELECT %L || count(*)'
                         || ' || md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), ''''))'
                         || ' FROM tixbook.%I t)', relname || ' ', relname), ', ' ORDER BY relname)
FROM pg_class WHERE relnamespace = 'tixbook'::regnamespace AND relkind IN ('r', 'p')
SQL
my $contents = "SELECT unnest(ARRAY[$tables])";
my $before   = $node->safe_psql('postgres', $contents);
like($before, qr/^booking 4/m, 'four bookings');

my $dump = $node->basedir . '/dump';
my $restore_sql = sub {
	my ($database) = @_;
	$node->command_ok([ 'pg_dump', '-f', "$dump.sql", $node->connstr('postgres') ], 'pg_dump');
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", $node->connstr($database) ],
		'into psql');
};
my $restore_custom = sub {
	my ($database) = @_;
	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.custom", $node->connstr('postgres') ], 'pg_dump -Fc');
	$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr($database), "$dump.custom" ],
		'into pg_restore');
};

for my $way (['plain', $restore_sql], ['custom', $restore_custom])
{
	my ($database, $restore) = @$way;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	$restore->($database);

	is($node->safe_psql($database, $contents), $before, "$database: every row of every table came along");
	is($node->safe_psql($database, 'SELECT count(*) FROM tixbook.verify()'), 0,
		"$database: verify() finds nothing");

	# The sale goes on where it was.
	is($node->safe_psql($database, "SELECT status FROM tixbook.confirm('$held', 'payment 2')"), 'confirmed',
		"$database: a hold made before is paid now");
	is($node->safe_psql($database, $with_key), $keyed,
		"$database: a repeated request gets its answer");
	is($node->safe_psql($database, "SELECT status FROM tixbook.cancel('$paid')"), 'cancelled',
		"$database: a sale is cancelled");
	is($node->safe_psql($database, "SELECT sum(free) FROM tixbook.seat_block WHERE event_id = $event"), 195,
		"$database: the seats are those that were left");
	cmp_ok(new_house($node, $database, 2, 5), '>', $event,
		"$database: new venues and events get new numbers");
	wait_for_worker($node, $database);
	$node->safe_psql($database, "SELECT tixbook.reserve($event, 1, hold_for => '1 s')");
	ok($node->poll_query_until($database, "SELECT count(*) = 1 FROM tixbook.booking WHERE status = 'expired'"),
		"$database: its worker ends holds");
	is($node->safe_psql($database, 'SELECT count(*) FROM tixbook.verify()'), 0,
		"$database: verify() finds nothing after that");
}

is($node->safe_psql('postgres', $contents), $before, 'the database that was dumped has not changed');
$node->stop;
done_testing();
