# A hot standby has no workers; they start when it is promoted.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use PostgreSQL::Test::Cluster;
use Test::More;
use Tixbook::Test;

my $primary = new_node('primary', streaming => 1);
my $event   = new_house($primary, 'postgres', 4, 10);
wait_for_worker($primary, 'postgres');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', "SELECT tixbook.reserve($event, 4, hold_for => '1 h')");
$primary->safe_psql('postgres', "SELECT tixbook.reserve($event, 3, hold_for => '2 s')");
$primary->wait_for_catchup($standby);
is(tixbook_processes($standby), 'none', 'a standby has neither launcher nor workers');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM tixbook.worker_status()'), 0, 'and says so');
is($standby->safe_psql('postgres', "SELECT sum(free) FROM tixbook.seat_block WHERE event_id = $event"), 33,
	'it can be read');
isnt($standby->psql('postgres', "SELECT tixbook.reserve($event, 1)"), 0, 'but sells nothing');

$primary->stop('immediate');
$standby->promote;
wait_for_worker($standby, 'postgres');
is(tixbook_processes($standby), 'tixbook expiry worker in postgres, tixbook launcher',
	'promoted, it gets them');
ok($standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM tixbook.booking WHERE status = 'expired'"),
	'its worker ends the hold that the primary made');
is($standby->safe_psql('postgres', "SELECT sum(free) FROM tixbook.seat_block WHERE event_id = $event"), 36,
	'and only that');
is($standby->safe_psql('postgres', "SELECT cardinality(seats) FROM tixbook.reserve($event, 10)"), 10,
	'it sells');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM tixbook.verify()'), 0, 'verify() finds nothing');

$standby->stop;
done_testing();
