# What changes is told, once an event and tick, whatever becomes of who is told.
use v5.30;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../perl";
use DBD::Pg ':async';
use JSON::PP;
use MIME::Base64 'decode_base64';
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use Tixbook::Hostile;
use Tixbook::Test;

my $node = new_node('publish', streaming => 1, conf => [ 'restart_after_crash = on', "tixbook.publish = 'on'", 'max_connections = 30' ]);
my $hostile = Tixbook::Hostile->start($node->basedir . '/requests');

sub sql { return $node->safe_psql('postgres', @_) }
sub in_time { return $node->poll_query_until('postgres', @_) }
sub status { return sql("SELECT $_[0] FROM tixbook.publish_status()") }
sub free { return sql("SELECT free FROM tixbook.availability($_[0])") }

sub set
{
	sql("ALTER SYSTEM SET $_") for @_;
	return sql('SELECT pg_reload_conf()');
}

# Where the fan-out server is: a path of the hostile one. Further options are parameters of allow_destination.
sub allow
{
	my ($path, %opt) = @_;
	my $url = $path =~ m{^/} ? $hostile->url . $path : $path;
	%opt = (url => "'$url'", plaintext => 'true', timeout => "'500 ms'", first_pause => "'50 ms'", breaker_pause => "'200 ms'", %opt);
	my $parameters = join ', ', map { "$_ => $opt{$_}" } sort keys %opt;
	return sql("SELECT tixbook.allow_destination('realtime', $parameters)");
}

sub until_so
{
	my ($so) = @_;
	my $last;
	for (1 .. 600) { return $last if $last = $so->(); sleep 0.1 }
	return $last;
}

# What a path was told, oldest first.
sub told { return map { decode_json($_->{body}) } $hostile->requests($_[0]) }

# Until the last message is one in which so many are free.
sub is_told
{
	my ($path, $free, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $message = until_so(sub { my @all = told($path); return @all && $all[-1]{free} == $free ? $all[-1] : undef });
	ok($message, $name) || diag(join "\n", map { JSON::PP->new->canonical->encode($_) } told($path), sql('SELECT * FROM tixbook.publish_status()'));
	return $message;
}

my $listener = connect_to($node);
$listener->do('LISTEN "availability.update"');

# What listeners were told is free, by event, since is_notified() last gave of it.
my %heard;

sub hear
{
	while (my $notify = $listener->pg_notifies)
	{
		my $payload = decode_json($notify->[2]);
		push @{ $heard{ $payload->{event_id} } }, $payload->{free} // 'null';
	}
	return;
}

# Until so many are free; returns how often they were told of the event.
sub is_notified
{
	my ($event, $free, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	until_so(sub { hear(); return ($heard{$event}[-1] // 'nothing') eq $free });
	my @told = @{ delete $heard{$event} // [] };
	is($told[-1] // 'nothing', $free, $name);
	return scalar @told;
}


# What is there is told, first everything, then what has changed.
wait_for_worker($node, 'postgres');
allow('/ok');
my $event = new_house($node, 'postgres', 20, 30);
is_told("/ok/events/$event", 600, 'a sale that opens is told');
my ($whole) = told("/ok/events/$event");
is(join(' ', map { $whole->{$_} // 'null' } qw(type event_id from capacity changes)), "availability.update $event null 600 null", 'the first message has the whole house');
is_deeply($whole->{sections}, [ { section => 'Stalls', category => 'Standard', free => 600 } ], 'and what is free by section');
sql("SELECT tixbook.reserve_seats($event, '{0,3}')");
$whole = is_told("/ok/events/$event", 598, 'seats that are taken are told');
is_deeply([ map { [ @$_{qw(first_seat seats)}, unpack 'b8', decode_base64($_->{taken}) ] } @{ $whole->{changes} } ], [ [ 0, 30, '10010000' ] ], 'bit by bit');
is($whole->{version}, sql("SELECT version FROM tixbook.availability($event)"), 'its version is that of availability');
is_notified($event, 598, 'listeners are told as well');
my ($request) = $hostile->requests("/ok/events/$event");
is("$request->{method} $request->{headers}{'content-type'}", 'POST application/json', 'it is JSON');

sql("SELECT tixbook.reserve_seats($event, '{35}')");
my $part = is_told("/ok/events/$event", 597, 'the next message');
is_notified($event, 597, 'for listeners too');
is($part->{from}, $whole->{version}, 'goes on from the one before');
is_deeply([ map { [ @$_{qw(first_seat seats)}, unpack 'b8', decode_base64($_->{taken}) ] } @{ $part->{changes} } ], [ [ 30, 30, '00000100' ] ], 'and has the block that changed, as it is now');
is($part->{taken}, undef, 'and no other');
is(sql(sprintf "SELECT changes IS NOT NULL AND version = %s FROM tixbook.availability($event, %s)", @$part{qw(version from)}), 't', 'as availability would tell it');


# Many changes are one message a tick.
set("tixbook.publish_interval = '1 s'");
in_time("SELECT setting = '1000' FROM pg_settings WHERE name = 'tixbook.publish_interval'");
sub batch { return sql("DO \$\$ BEGIN FOR i IN 1..100 LOOP PERFORM tixbook.reserve($event, 1); COMMIT; END LOOP; END \$\$") }
my ($before, $begun) = (scalar told("/ok/events/$event"), time);
batch() for 1 .. 3;
is_told("/ok/events/$event", 297, 'what 300 transactions changed is told');
my $ticks = 2 + int(time - $begun);
my @all = told("/ok/events/$event");
cmp_ok(@all - $before, '<=', $ticks, sprintf 'by %d messages in at most %d ticks', @all - $before, $ticks);
cmp_ok(is_notified($event, 297, 'and to listeners'), '<=', $ticks + 1, 'not more often');
my @gaps = grep { defined $all[$_]{from} && $all[$_]{from} != $all[ $_ - 1 ]{version} } 1 .. $#all;
is("@gaps", '', 'no message leaves anything out');
set("tixbook.publish_interval = '50 ms'");
is(status('failed + dropped'), 0, 'nothing has failed');
cmp_ok(status('published'), '>=', scalar @all, 'and all is counted');
is(sql("SELECT done = (SELECT published FROM tixbook.publish_status()) FROM tixbook.worker_status() WHERE job = 'publish'"), 't', 'also by worker_status()');


# The end of a booking, to its own channel; only what commits.
my $big = new_house($node, 'postgres', 20, 30);
my %ends = map { $_ => sql("SELECT booking_id FROM tixbook.reserve($big, 1, hold_for => '" . ($_ eq 'expired' ? '1 second' : '1 hour') . "')") } qw(confirmed released expired rolled_back kept);
sql("SELECT tixbook.confirm('$ends{confirmed}', 'p 1')");
sql("SELECT tixbook.release('$ends{released}')");
sql("BEGIN; SELECT tixbook.release('$ends{rolled_back}'); ROLLBACK");
sql("BEGIN; SAVEPOINT s; SELECT tixbook.release('$ends{rolled_back}'); ROLLBACK TO s; SAVEPOINT t; SELECT tixbook.release('$ends{kept}'); RELEASE t; COMMIT");
sub told_of { my ($id) = @_; return map { decode_json($_->{body}) } grep { $_->{path} =~ m{^/ok/bookings/\S*$id} } $hostile->requests }
sub is_told_of { my ($id, $state, $name) = @_; return is((until_so(sub { (told_of($id))[-1] }) // {})->{status}, $state, $name) }
is_told_of($ends{$_}, $_, "a booking that is $_ tells so") for qw(confirmed released expired);
is_told_of($ends{kept}, 'released', 'what a savepoint keeps is told');
is(scalar(my @none = told_of($ends{rolled_back})), 0, 'what it takes back is not');
sql("SELECT tixbook.cancel('$ends{confirmed}')");
until_so(sub { told_of($ends{confirmed}) == 2 });
is((told_of($ends{confirmed}))[-1]{status}, 'cancelled', 'a cancellation is told');
sql("SELECT count(tixbook.release(booking_id)) FROM tixbook.booking WHERE event_id = $event AND status = 'held'");
my $ids = 0;
until_so(sub { $ids = 0; $ids += () = $_->{path} =~ /[0-9a-f]{8}-/g for grep { $_->{path} =~ m{^/ok/bookings/} } $hostile->requests; $ids >= 301 });
cmp_ok($ids, '>=', 301, 'of a crowd of bookings each is told');
cmp_ok(scalar(grep { $_->{path} =~ m{^/ok/bookings/} } $hostile->requests), '<', 20, 'in few calls');
is_told("/ok/events/$event", 600, 'and their seats are free again');


# The queue.
my $room = new_house($node, 'postgres', 2, 10);
sql("SELECT tixbook.open_waiting_room($room, now() - interval '1 second', 5, 100)");
sql("SELECT tixbook.join_waiting_room($room, 'ann')");
my $queue = until_so(sub { my @q = told("/ok/events/$room/queue"); return @q && $q[-1]{admitted} ? $q[-1] : undef });
is(join(' ', map { $queue->{$_} // 'null' } qw(type event_id state admitted joined)), "queue.update $room admitting 1 1", 'where the queue is, is told');
sql("SELECT tixbook.close_waiting_room($room)");

# A draft is nobody's business yet.
my $draft = sql("SELECT tixbook.create_event((SELECT venue_id FROM tixbook.event WHERE event_id = $big), 'secret', now() + interval '9 days', '{\"Standard\": 100}')");
sql("UPDATE tixbook.seat_block SET version = version + 1 WHERE event_id = $draft");


# A fan-out server that hangs, fails or is away stops nobody, and gets what is true when it is back.
my %outages = (hangs => '/hang', fails => '/status/500', 'is away' => 'http://127.0.0.1:1');
for my $outage (sort keys %outages)
{
	my $failed = status('failed');
	allow($outages{$outage}, breaker_failures => 2);
	my $short = sql("SELECT booking_id FROM tixbook.reserve($big, 2, hold_for => '1 second')");
	my $started = time;
	sql("SELECT tixbook.reserve($big, 1)") for 1 .. 20;
	cmp_ok(time - $started, '<', 20, "while it $outage, seats are sold");
	ok(in_time("SELECT status = 'expired' FROM tixbook.booking WHERE booking_id = '$short'"), 'holds end');
	is_notified($big, free($big), 'listeners are told');
	ok(in_time("SELECT failed >= $failed + 2 FROM tixbook.publish_status()"), 'what fails is counted');
	ok(in_time("SELECT breaker <> 'closed' FROM tixbook.dispatch_status WHERE destination = 'realtime'"), 'and the breaker opens');
	is(sql("SELECT count(*) FROM tixbook.dispatch"), 0, 'nothing is kept for it');
	my $before = () = told("/ok/events/$big");
	allow('/ok');
	sql("SELECT tixbook.reserve($big, 1)");
	is_told("/ok/events/$big", free($big), 'when it is back it gets what is true now');
	is((told("/ok/events/$big"))[$before]{from}, undef, 'first of all the whole house');
}
is(scalar(my @drafts = told("/ok/events/$draft")), 0, 'a draft was not told meanwhile');

# Whom nobody allows is told nothing.
my $published = status('published');
sql("SELECT tixbook.disallow_destination('realtime')");
sql("SELECT tixbook.reserve($big, 1)");
is_notified($big, free($big), 'without a destination listeners are told');
is(status('published'), $published, 'and nobody else');
allow('/ok');
sql("SELECT tixbook.reserve($big, 1)");
is_told("/ok/events/$big", free($big), 'until it is allowed again');


# After an administrator's statement the whole house is told.
sql("UPDATE tixbook.seat_block SET version = version + 1 WHERE event_id = $big");
my $again = until_so(sub { my $last = (told("/ok/events/$big"))[-1]; return defined $last->{from} ? undef : $last });
ok($again && $again->{version} > $whole->{version}, 'what is not told block by block is told whole');

# A look that fails, here over the map of one event, takes back what it told listeners of others: they are told then.
my @others  = map { new_house($node, 'postgres', 1, 10) } 1 .. 8;
my $waiting = "EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE l.relation = 'tixbook.seat_block'::regclass AND NOT l.granted AND %s)";
is_notified($_, 10, "event $_ is told of") for @others;
my ($seller, $locker) = map { connect_to($node) } 1, 2;
$seller->begin_work;
$seller->do("UPDATE tixbook.seat_block SET version = version + 1 WHERE event_id = $others[-1]");
$seller->do("SELECT tixbook.reserve($_, 1)") for @others;
$locker->begin_work;
$locker->do('LOCK TABLE tixbook.seat_block', { pg_async => PG_ASYNC });
ok(in_time('SELECT ' . sprintf $waiting, "pid = $locker->{pg_pid}"), 'somebody waits to lock the seats');
$seller->commit;
$locker->pg_result;
my $looks = sprintf $waiting, "backend_type = 'tixbook publish worker'";
ok(in_time("SELECT $looks"),     'the worker cannot load a map');
ok(in_time("SELECT NOT $looks"), 'and gives up');
$locker->rollback;
is_notified($_, 9, "of event $_ listeners hear nevertheless") for @others;
$_->disconnect for $seller, $locker;

# An event that cannot be read leaves no other untold.
my @sound = @others[ 0 .. 6 ];
sub shift_blocks { return sql("SET session_replication_role = replica; UPDATE tixbook.venue_block b SET block_no = block_no + $_[0]
	FROM tixbook.event e WHERE e.venue_id = b.venue_id AND e.event_id = $others[7]; SET session_replication_role = origin;
	UPDATE tixbook.section SET name = name") }
my $log = -s $node->logfile;
$seller = connect_to($node);
$seller->begin_work;
$seller->do("SELECT tixbook.reserve($_, 1)") for @others;
shift_blocks(100);
$seller->commit;
$seller->disconnect;
is_notified($_, 8, "of event $_ listeners hear") for @sound;
ok($node->wait_for_log(qr/WARNING:  what changed of event $others[7] could not be told/, $log), 'the log tells of the other');
shift_blocks(-100);
is_notified($others[7], 8, 'of which they hear when it can be read');


# Off is off: nothing is noted, and what happened meanwhile is told when it is on again and something changes.
set("tixbook.publish = 'off'");
ok(in_time("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'tixbook publish worker')"), 'off, there is no worker');
sql("SELECT tixbook.reserve($big, 1)");
is(status('publish'), 'off', 'as publish_status() says');
set("tixbook.publish = 'realtime'");
in_time("SELECT setting = 'realtime' FROM pg_settings WHERE name = 'tixbook.publish'");
sql("SELECT tixbook.reserve($big, 1)");
is_told("/ok/events/$big", free($big), 'on again it goes on');
set("tixbook.publish = 'on'");


# A worker or server that dies has told nothing in vain: all sales are told anew.
my $told_anew = sub {
	my ($what, $do) = @_;
	my $seen = () = told("/ok/events/$event");
	$do->();
	my $message = until_so(sub { my @now = told("/ok/events/$event"); return @now > $seen ? $now[-1] : undef });
	ok($message && !defined $message->{from} && $message->{free} == 600, "$what the house is told anew, with nothing changed");
	return;
};
$told_anew->('after the end of the worker', sub { sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'tixbook publish worker'") });
my $standby_backup = $node->backup('standby');
$told_anew->('after a crash', sub {
	$listener->disconnect;
	my $pid = worker_pid($node, 'postgres');
	kill 'KILL', $pid;
	$node->poll_query_until('postgres', 'SELECT true');
});


# So are they by a standby that takes over; before that it tells nothing.
my $standby = PostgreSQL::Test::Cluster->new('publish_standby');
$standby->init_from_backup($node, 'standby', has_streaming => 1);
$standby->start;
sql("SELECT tixbook.reserve($event, 1)");
is_told("/ok/events/$event", 599, 'the primary goes on');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$node->stop('immediate');
my $last = (told("/ok/events/$event"))[-1];
$standby->promote;
my $promoted = until_so(sub { my $now = (told("/ok/events/$event"))[-1]; return $now->{version} > $last->{version} ? $now : undef });
ok($promoted && !defined $promoted->{from} && $promoted->{free} == 599, 'a standby that was promoted tells what it has');
$hostile->stop;
done_testing();
