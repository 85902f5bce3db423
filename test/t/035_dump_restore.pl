# pg_dump takes a database along amid its sale; restored elsewhere, the sale goes on there.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use Test::More;
use Tixbook::Sale;
use Tixbook::Test;

my $node = new_node('dump', conf => [ "tixbook.databases = 'none'", 'max_worker_processes = 32' ]);
my $sale = Tixbook::Sale->new($node);

my $before = $sale->contents($node, 'postgres');
like($before, qr/^booking 5/m, 'five bookings');

my $dump = $node->basedir . '/dump';
sub restore_sql
{
	my ($database) = @_;
	$node->command_ok([ 'pg_dump', '-f', "$dump.sql", $node->connstr('postgres') ], 'pg_dump');
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", $node->connstr($database) ], 'into psql');
	return;
}

sub restore_custom
{
	my ($database, @options) = @_;
	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.custom", $node->connstr('postgres') ], 'pg_dump -Fc');
	$node->command_ok([ 'pg_restore', '-e', @options, '-d', $node->connstr($database), "$dump.custom" ], "into pg_restore @options");
	return;
}

for my $way ([ plain => \&restore_sql ], [ custom => \&restore_custom ])
{
	my ($database, $restore) = @$way;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	$restore->($database);
	is($sale->contents($node, $database), $before, "$database: every row of every table came along");
	is($node->safe_psql($database, 'SELECT count(*) FROM tixbook.verify()'), 0, "$database: verify() finds nothing");
	$node->append_conf('postgresql.conf', "tixbook.databases = '$database'");
	$node->reload;
	$sale->goes_on($node, $database);
}

# Where workers may be, none works before all is there.
$node->append_conf('postgresql.conf', "tixbook.databases = 'at_work_1, at_work_2, at_work_3'");
$node->reload;
my $many = 0;
for my $restore (\&restore_sql, \&restore_custom, sub { restore_custom(@_, '--single-transaction') })
{
	my $database = 'at_work_' . ++$many;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	$restore->($database);
	$sale->goes_on($node, $database);
}

is($sale->contents($node, 'postgres'), $before, 'the database that was dumped has not changed');
$node->stop;
done_testing();
