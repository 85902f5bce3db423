# Without shared_preload_libraries everything works but the workers, which say what they need.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use Test::More;
use Tixbook::Test;

my $node = new_node('plain', preload => 0);

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

is(tixbook_processes($node), 'none', 'no process of ours');

is(sql("SELECT '10:{0-3,7}'::tixbook.seatmap"), '10:{0-3,7}', 'the type works');
my $event = new_house($node, 'postgres', 3, 10);
my $hold  = sql("SELECT booking_id FROM tixbook.reserve($event, 4)");
is(sql("SELECT status FROM tixbook.confirm('$hold', 'payment 1')"), 'confirmed',
	'reserve and confirm work');

sql("SELECT tixbook.reserve($event, 3, hold_for => '1 s')");
ok(in_time("SELECT tixbook.sweep() = 1"), 'sweep ends a hold that is due');
is(sql("SELECT sum(free) FROM tixbook.seat_block WHERE event_id = $event"), 26,
	'and gives its seats back');

sql("SELECT tixbook.reserve($event, 10, hold_for => '1 s') FROM generate_series(1, 2)");
sql("SELECT tixbook.reserve($event, 6, hold_for => '1 s')");
ok(in_time("SELECT bool_and(expires_at < now()) FROM tixbook.booking WHERE status = 'held'"),
	'the house is full of holds that are over');
is(sql("SELECT cardinality(seats) FROM tixbook.reserve($event, 10)"), 10,
	'a reserve takes their seats');
is(sql("SELECT count(tixbook.submit_request($event, 4)) FROM generate_series(1, 5)"), 5, 'requests are acknowledged');
is(sql('SELECT tixbook.work_requests()'), 5, 'and worked off by hand');
is(sql("SELECT string_agg(concat_ws(' ', status, reason), ', ' ORDER BY submitted_at) FROM tixbook.request"),
	'held, held, held, held, refused sold_out', 'to the last seat');
is(sql('SELECT count(*) FROM tixbook.verify()'), 0, 'verify() finds nothing');

# What a session remembers of where rows stood may lie beyond the end of a table that has become shorter.
my ($many, $behind) = map { new_house($node, 'postgres', $_, 10) } 400, 1;
my $session = connect_to($node);
is($session->selectrow_array("SELECT seats[1] FROM tixbook.reserve_seats($behind, '{0}')"), 0, 'a seat is taken');
sql("DELETE FROM tixbook.seat_block WHERE event_id = $many");
sql('VACUUM FULL tixbook.seat_block');
is($session->selectrow_array("SELECT seats[1] FROM tixbook.reserve_seats($behind, '{1}')"), 1, 'and another of that row, which VACUUM FULL has moved');
$session->disconnect;

my ($status, $out, $error) = $node->psql('postgres',
	"\\set VERBOSITY verbose\nSELECT * FROM tixbook.worker_status()");
isnt($status, 0, 'worker_status needs the library preloaded');
like($error, qr/TB401: .*needs the library to be loaded at server start/, 'and says so');
like($error, qr/HINT:  Add tixbook to shared_preload_libraries and restart the server/, 'with a hint');
is($node->psql('postgres', 'SELECT tixbook.start_worker()'), 0, 'start_worker has nothing to do');
$node->append_conf('postgresql.conf', "tixbook.publish = 'on'");
$node->reload;
cmp_ok(sql("SELECT count(tixbook.release(booking_id)) FROM tixbook.booking WHERE status = 'held'"), '>', 0, 'with publishing on seats come and go, and nothing is published');
(undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT * FROM tixbook.publish_status()");
like($error, qr/TB401: .*publishing needs the library to be loaded at server start/, 'which is said where one asks');
$node->append_conf('postgresql.conf', "tixbook.publish = 'off'");

# Only preloading is missing: the workers come with the restart.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tixbook'");
$node->restart;
wait_for_worker($node, 'postgres');
is(tixbook_processes($node), 'tixbook expiry worker in postgres, tixbook launcher',
	'with it the workers come');

$node->stop;
done_testing();
