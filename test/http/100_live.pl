# Realtime through nginx with Nchan: who listens sees what happens, who does not publish cannot, and with it away the
# edge does all else. CLIENTS=1000 SALES=2000 measures it.
use v5.30;
use warnings;
use DBI;
use IPC::Open2;
use JSON::PP;
use MIME::Base64 'decode_base64';
use Test::More;
use Time::HiRes qw(time sleep);
use Harness 'setting';
use Tixbook::Http;
use Tixbook::Live;

my ($clients, $sales) = (setting('CLIENTS', 100), setting('SALES', 400));
my $web    = new_shop();
my $server = $web->{server};
my $sql    = sub { $server->sql('shop', $_[0]) };
my $listen = sub { return Tixbook::Live->listen_to($web, @_) };
my $hold   = sub { return rest($web, POST => '/bookings/reserve-seats', body => { event_id => 1, seats => [@_] })->{json}{booking_id} };
my $has    = sub { my ($seat) = @_; return sub { my $m = shift; return grep { substr unpack('b*', decode_base64($_->{taken})), $seat - $_->{first_seat}, 1 } grep { $seat >= $_->{first_seat} && $seat < $_->{first_seat} + $_->{seats} } $m->{taken} ? { first_seat => 0, seats => $m->{capacity}, taken => $m->{taken} } : @{ $m->{changes} } } };

quiet_house($web, $_, ('s' x 20) x 5) for 1 .. 2;

# Both ways, and only what it is about.
my %line = map { $_ => $listen->('/events/1', $_) } qw(websocket eventsource);
is($line{websocket}{status},   101, 'a browser listens by WebSocket');
is($line{eventsource}{status}, 200, 'or by EventSource');
my $other = $listen->('/events/2', 'eventsource');
$hold->(3);
for (sort keys %line)
{
	my $message = $line{$_}->message_that($has->(3));
	is(($message // {})->{type}, 'availability.update', "a sale is told by $_");
	is($message->{free}, 99, 'with what is left');
}
$hold->(30, 31);
ok($line{$_}->message_that($has->(31)), "so is the next by $_") for sort keys %line;
my %about;
while (my $message = $other->message(0.5)) { $about{ $message->{event_id} }++ }
is($about{1}, undef, 'who listens to another event is told nothing of it');

# Who comes back gets what he missed, who comes new the last of it.
$line{eventsource}->close;
$hold->(50);
ok($line{websocket}->message_that($has->(50)), 'while one is away there is more');
my $back = $listen->('/events/1', 'eventsource');
ok($back->message_that($has->(50)), 'which he gets when he comes back');
my $new = $listen->('/events/1', 'websocket');
ok($new->message_that($has->(50)), 'so does who comes new');

# A booking's own channel.
my ($mine, $theirs) = ($hold->(70), $hold->(71));
my %ends = map { $_ => $listen->("/bookings/$_", 'websocket') } $mine, $theirs;
rest($web, POST => "/bookings/$mine/payment", body => { payment_token => 'tok_test_success' });
is_deeply($ends{$mine}->message, { type => 'booking.update', status => 'confirmed' }, 'who paid is told');
is($ends{$theirs}->message(0.5), undef, 'and nobody else');
rest($web, POST => "/bookings/$theirs/release");
is_deeply($ends{$theirs}->message, { type => 'booking.update', status => 'released' }, 'a release is told');
my $short = $sql->("SELECT booking_id FROM tixbook.reserve(1, 1, hold_for => '1 s')");
is_deeply($listen->("/bookings/$short", 'eventsource')->message, { type => 'booking.update', status => 'expired' }, 'and the end of a hold');

# Many at one moment are told in one call, whose address has all their ids.
my @crowd = split /\n/, $sql->('SELECT (tixbook.reserve(2, 1)).booking_id FROM generate_series(1, 100)');
my @ends  = map { $listen->("/bookings/$_", 'websocket') } @crowd[ 0, 50, 99 ];
$sql->("SELECT count(tixbook.release(booking_id)) FROM unnest('{@{[ join ',', @crowd ]}}'::uuid[]) AS booking_id");
is_deeply(scalar $_->message, { type => 'booking.update', status => 'released' }, 'one of a hundred is told') for @ends;
is($sql->('SELECT failed, dropped FROM tixbook.publish_status()'), '0|0', 'and nothing was told in vain');

# The queue.
$sql->("SELECT tixbook.open_waiting_room(2, now(), 5, 100)");
my $queue = $listen->('/events/2/queue', 'eventsource');
$sql->("SELECT tixbook.join_waiting_room(2, 'ann')");
is(($queue->message_that(sub { $_[0]{admitted} }) // {})->{type}, 'queue.update', 'the queue is told as it moves');

# A stranger publishes nothing.
my $body = '{"type": "availability.update", "event_id": 1, "version": 1, "free": 0}';
my $try = sub { my ($url, %headers) = @_; return request('POST', $url, body => $body, headers => \%headers)->{status} };
is($try->($web->publish_url . '/events/1'),                                     403, 'without the secret nobody publishes');
is($try->($web->publish_url . '/events/1', Authorization => 'Bearer change me'), 403, 'nor with a wrong one');
is($try->($web->publish_url . '/../publish/bookings/' . $mine),                 403, 'nor by another way');
like($try->($web->url . "/live$_"),    qr{^40[045]$}, "nor at /live$_")    for '/events/1', "/bookings/$mine", '/events/1/queue', '/';
like($try->($web->url . "/publish$_", Authorization => "Bearer $web->{secret}"), qr/^40[45]$/, "nor at /publish$_, with the secret") for '/events/1', "/bookings/$mine";
like(request('DELETE', $web->url . '/live/events/1')->{status}, qr/^40[35]$/, 'nor deletes anything');
is($listen->("/bookings/$_", 'eventsource')->{status}, 404, "there is no channel $_") for 'all', '*', "$mine,$theirs";

# nginx dies: who sells notices nothing, and who comes back sees what is true.
$web->end_nginx('KILL');
my $failed = $sql->('SELECT failed FROM tixbook.publish_status()');
$sql->('SELECT tixbook.reserve_seats(1, ARRAY[90])');
ok($server->psql('shop', '-c', "DO \$\$ BEGIN FOR i IN 1..600 LOOP EXIT WHEN (SELECT failed > $failed FROM tixbook.publish_status()); PERFORM pg_sleep(0.1); END LOOP; END \$\$", '-c', "SELECT failed > $failed FROM tixbook.publish_status()") eq 't', 'with nginx away seats are sold, and publishing fails');
$web->start_nginx;
$web->allow_publishing;
my $again = $listen->('/events/1', 'websocket');
$sql->('SELECT tixbook.reserve_seats(1, ARRAY[91])');
my $message = $again->message_that($has->(91));
ok($message && $has->(90)->($message), 'back again, it is told all, also what was sold meanwhile');

# A sale with a crowd that follows it. How long it takes depends on the machine, but nobody waits for a poll.
$sql->("SELECT build_event(build_house('Crowd', VARIADIC ARRAY(SELECT repeat('s', 100) FROM generate_series(1, 200))), 3)");
my $dropped = $sql->('SELECT dropped FROM tixbook.publish_status()');
my $node = open2(my $out, my $in, 'node', 'test/http/listeners.mjs', $web->{port}, 3, $clients);
is(scalar <$out>, "listening\n", "$clients browsers listen");
my $dbh = DBI->connect($server->dsn('shop'), undef, undef, { RaiseError => 1, PrintError => 0 });
my $sell = $dbh->prepare('SELECT (tixbook.reserve(3, 1)).seats[1]');
my $begun = time;
for my $n (0 .. $sales - 1)
{
	my $ahead = $begun + $n / 200 - time;
	sleep $ahead if $ahead > 0;
	my $at = int(1000 * time);
	$sell->execute;
	printf {$in} qq({"seat": %d, "at": %d}\n), $sell->fetchrow_array, $at;
}
my $rate = $sales / (time - $begun);
print {$in} qq({"end": true}\n);
close $in;
my $figures = decode_json(<$out>);
waitpid $node, 0;
note sprintf('%.0f sales a second: ', $rate), JSON::PP->new->canonical->encode($figures);
diag sprintf('%.0f sales a second: ', $rate), JSON::PP->new->canonical->encode($figures) if $clients >= 1000;
ok($figures->{all}, 'everybody sees every sale');
is($figures->{gaps}, 0, 'nobody misses a message');
cmp_ok($figures->{messages}, '<=', 3 + $sales / $rate * 5.5, 'which were as many as ticks, not as sales');
cmp_ok($figures->{largest}, '<=', 32 * 1024, 'none was larger than it may be');
cmp_ok($figures->{p99}, '<', $clients >= 1000 ? 500 : 2000, "99 % are seen within $figures->{p99} ms");
$sell->finish;
$dbh->disconnect;
is($sql->('SELECT dropped FROM tixbook.publish_status()'), $dropped, 'nothing was dropped');

# Without Nchan the edge does all else.
$web->end_nginx;
$web->{live} = 0;
$web->start_nginx;
is($listen->('/events/1', $_)->{status}, 404, "without Nchan nobody listens by $_") for sort keys %line;
is(rest($web, GET => '/events/1/availability')->{status}, 200, 'and everybody can ask');
end_shop($web);
