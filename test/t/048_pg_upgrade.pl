# pg_upgrade takes a cluster along amid its sale, each object of the extension by itself; the sale goes on in the new one.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Sale;
use Tixbook::Test;

my $old  = new_node('before', conf => [ "tixbook.databases = 'none'" ]);
my $sale = Tixbook::Sale->new($old);
my $before = $sale->contents($old, 'postgres');
$old->stop;

my $new = new_node('after', extension => 0, conf => [ "tixbook.databases = 'none'" ]);
$new->stop;
my $bindir = $new->config_data('--bindir');
chdir $new->basedir or die "no directory: $!";		# it writes into the current one
$new->command_ok([ 'pg_upgrade', '-b', $bindir, '-B', $bindir, '-d', $old->data_dir, '-D', $new->data_dir,
	'-p', $old->port, '-P', $new->port, '-s', $new->host, '-U', scalar getpwuid $< ], 'pg_upgrade');

$new->start;
is($sale->contents($new, 'postgres'), $before, 'all came along');
is($new->safe_psql('postgres', 'SELECT count(*) FROM tixbook.verify()'), 0, 'verify() finds nothing');
$new->append_conf('postgresql.conf', "tixbook.databases = ''");
$new->restart;
$sale->goes_on($new, 'postgres');
$new->safe_psql('postgres', 'DROP EXTENSION tixbook');
is($new->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('tixbook')"), 0,
	'all of it belongs to the extension');
$new->stop;
done_testing();
