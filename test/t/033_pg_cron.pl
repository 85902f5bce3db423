# Where the library cannot be preloaded, pg_cron does the worker's work once a minute.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Test;

my $node = new_node('cron', preload => 0,
	conf => [ "shared_preload_libraries = 'pg_cron'", "cron.use_background_workers = on" ]);

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

sql('CREATE EXTENSION pg_cron');
my $event = new_house($node, 'postgres', 2, 10);

# The very line that docs/expiry.md tells a DBA to run.
my ($documented) = slurp_file('docs/expiry.md') =~ /^(SELECT cron\.schedule\(.*\);)$/m;
ok($documented, 'docs/expiry.md has a line for pg_cron');
sql($documented);
sql("SELECT tixbook.reserve($event, 5, hold_for => '1 s')");
sql("SELECT tixbook.reserve($event, 5)");

# Within a minute, and some time for a busy machine.
ok(in_time("SELECT count(*) = 1 FROM tixbook.booking WHERE status = 'expired'"),
	'the scheduled sweep ends the hold that is due');
is(sql("SELECT free FROM (SELECT sum(free) AS free FROM tixbook.seat_block WHERE event_id = $event) s"),
	15, 'its seats are back, the others are not');
ok(in_time("SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded'"),
	'pg_cron says that it succeeded');
is(sql("SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'"), 0, 'each time');
is(sql('SELECT count(*) FROM tixbook.verify()'), 0, 'verify() finds nothing');

$node->stop;
done_testing();
