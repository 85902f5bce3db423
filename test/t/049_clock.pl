# A clock that is set, back or ahead, stops nothing that workers do: holds end, who listens is told, requests are served,
# the outbox is emptied, fans are let in.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Tixbook::Hostile;
use Tixbook::Test;

my $clock   = PostgreSQL::Test::Utils::tempdir() . '/clock';
my $library = "$clock.so";
system_or_bail('gcc', qw(-Wall -Wextra -Werror -shared -fPIC -o), $library, "$FindBin::Bin/clock.c");

# The server's processes alone see the clock that is set. They have mapped the file, so it is never cut short.
sub set_clock
{
	my ($hours) = @_;
	open my $out, '+>>', $clock or die "cannot open $clock: $!\n";
	close $out;
	open $out, '+<', $clock or die "cannot open $clock: $!\n";
	syswrite $out, pack('l!', 3600 * $hours) or die "cannot write $clock: $!\n";
	return close $out;
}

sub node_with_clock
{
	local %ENV = (%ENV, LD_PRELOAD => $library, TEST_CLOCK => $clock);
	return new_node('clock', conf => [ "tixbook.waitingroom_tick = '50ms'", 'tixbook.publish = notify' ]);
}

set_clock(0);
my $node    = node_with_clock();
my $hostile = Tixbook::Hostile->start($node->basedir . '/requests');
my $event   = new_house($node, 'postgres', 20, 20);
my $rush    = new_house($node, 'postgres', 20, 20);

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }

sub is_off_by
{
	my ($hours) = @_;
	my $off = sql('SELECT extract(epoch FROM clock_timestamp())') - time;
	return cmp_ok(abs($off - 3600 * $hours), '<', 60, "the server's clock is $hours hours off");
}

# All that workers do once more, in time.
sub goes_on
{
	my ($when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($free, $told) = map { sql($_) } "SELECT free FROM tixbook.availability($event)", 'SELECT notified FROM tixbook.publish_status()';
	sql("SELECT tixbook.reserve($event, 2, hold_for => '100 ms')");
	ok(in_time("SELECT free = $free FROM tixbook.availability($event)"), "$when a hold ends");
	ok(in_time("SELECT notified > $told FROM tixbook.publish_status()"), "$when browsers are told");
	my $request = sql("SELECT tixbook.submit_request($event, 1)");
	ok(in_time("SELECT status = 'held' FROM tixbook.request_status('$request')"), "$when a request is served");
	my $message = sql("SELECT tixbook.enqueue_dispatch('there', '/ok')");
	ok(in_time("SELECT state = 'delivered' FROM tixbook.dispatch WHERE dispatch_id = $message"), "$when the outbox is emptied");
	my $fan = "fan $when";
	sql("SELECT tixbook.join_waiting_room($rush, '$fan')");
	ok(in_time("SELECT state = 'admitted' FROM tixbook.queue_status($rush, '$fan')"), "$when a fan is let in");
	sql("SELECT tixbook.leave_waiting_room($rush, '$fan')");
	return;
}

sql("SELECT tixbook.allow_destination('there', '@{[$hostile->url]}', plaintext => true)");
sql("SELECT tixbook.open_waiting_room($rush, now(), 2, 4, no_show => '1 minute')");
is_off_by(0);
goes_on('before it is set');

# These are called and do not come: all who may be in.
sql("SELECT tixbook.join_waiting_room($rush, 'absent ' || i) FROM generate_series(1, 4) i");
ok(in_time("SELECT active = 4 FROM tixbook.waiting_room_pointer WHERE event_id = $rush"), 'four are called who do not come');
set_clock(-1);
is_off_by(-1);
sql("SELECT tixbook.leave_waiting_room($rush, 'absent ' || i) FROM generate_series(1, 4) i");
goes_on('set back');

sql("SELECT tixbook.reserve($event, 2, hold_for => '30 minutes')");
wait_for_worker($node, 'postgres');
set_clock(1);
is_off_by(1);
ok(in_time("SELECT free = capacity FROM tixbook.availability($event)"), 'set ahead, all holds have ended');
goes_on('set ahead');
is(sql('SELECT count(*) FROM tixbook.verify()'), 0, 'and all is sound');

$hostile->stop;
$node->stop;
done_testing();
