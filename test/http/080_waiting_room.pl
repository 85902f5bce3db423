# The waiting room over HTTP: the way of a fan, tokens of all kinds, proof of work, limits by address, and what the
# edge keeps for all who wait.
use v5.30;
use warnings;
use Digest::SHA qw(sha256_hex sha256);
use JSON::PP;
use MIME::Base64 'decode_base64url';
use Test::More;
use Time::HiRes qw(time sleep);
use Tixbook::Http;

my $web    = new_shop();
my $server = $web->{server};
my $sql    = sub { $server->sql('shop', $_[0]) };
quiet_house($web, $_, ('s' x 20) x 5) for 1 .. 6;
my %token = map { $_ => customer($web, $_) } qw(ann bob cid dora);
my %sub   = map { $_ => rest($web, GET => '/account', token => $token{$_})->{json}{customer} } keys %token;

my $open   = sub { my ($event, $in, $options) = @_; return $sql->("SELECT encode(tixbook.open_waiting_room($event, clock_timestamp() + interval '$in', $options), 'hex')") };
my $queue  = sub { my ($what, $who, $event, %more) = @_; return rest($web, POST => "/queue/$what", body => { event_id => $event, %more }, token => $token{$who}) };
my $status = sub { return $queue->('status', @_) };
my $hold   = sub {
	my ($who, $event, $admission, %more) = @_;
	return rest($web, POST => '/bookings/reserve', body => { event_id => $event, quantity => 1 }, token => $who && $token{$who},
		headers => { defined $admission ? ('Admission-Token' => $admission) : () }, %more);
};

# Asks again and again, until it is so.
my $wait_until = sub {
	my ($what, $ask, $so) = @_;
	my $answer;
	for (1 .. 200)
	{
		$answer = $ask->();
		return $answer if $so->($answer);
		sleep 0.1;
	}
	fail("$what, in time");
	diag($answer->{content} // $answer);
	return $answer;
};
my $wait_for_state = sub { my ($who, $event, $state) = @_; return $wait_until->("$who: $state", sub { $status->($who, $event) }, sub { $_[0]{json}{state} =~ /^(?:$state)$/ }) };

# Before the start

my $hash = $open->(1, '3 seconds', "1000, 1, session => '10 minutes'");
is_deeply([ map { rest($web, GET => "/events/$_")->{json}{waiting_room} } 1, 2 ], [ JSON::PP::true, JSON::PP::false ], 'an event says whether one must queue');
my $room = rest($web, GET => '/events/1/waiting-room');
is(join(' ', map { $_ // 'null' } $room->{status}, @{ $room->{json} }{qw(state seed_hash seed drawn)}), "200 gathering $hash null null", 'the room tells what will prove the draw');
is($room->{headers}{'cache-control'}, 'public, max-age=1', 'and caches may keep it');
is(refused(rest($web, GET => "/events/2/$_")), '404 no_waiting_room', "no $_ where there is no room") for qw(waiting-room queue);
is(refused($queue->('join', 'ann', 2)), '404 no_waiting_room', 'nor anything to join');

is(rest($web, POST => '/queue/join', body => { event_id => 1 })->{status}, 401, 'it takes an account to join');
is(refused($status->('ann', 1)), '404 not_in_waiting_room', 'who has not joined stands nowhere');
my $joined = $queue->('join', 'ann', 1);
is(join(' ', $joined->{status}, @{ $joined->{json} }{qw(entry state)}), '200 0 gathering', 'who joins gets an entry');
is($queue->('join', 'ann', 1)->{json}{entry}, 0, 'and only one');
is($queue->('join', 'bob', 1)->{json}{entry}, 1, 'the next one the next');
is($status->('bob', 1)->{json}{state}, 'gathering', 'and waits for the start');
is(refused($hold->('ann', 1)), '403 admission_required', 'nobody books before it');

# The start

my $first = $wait_for_state->('ann', 1, 'admitted|waiting');
my ($in, $out) = $first->{json}{state} eq 'admitted' ? qw(ann bob) : qw(bob ann);
my $let_in = $wait_for_state->($in, 1, 'admitted')->{json};
my $waits  = $wait_for_state->($out, 1, 'waiting')->{json};
is($let_in->{position}, 0, 'the first place is let in');
is_deeply([ @$waits{qw(position token session_ends)} ], [ 1, undef, undef ], 'the second waits, since only one may book at a time');
ok(defined $let_in->{session_ends}, 'whose turn it is knows until when');
cmp_ok($waits->{next_look}, '>', 0, 'who waits is told when to look again');
$room = rest($web, GET => '/events/1/waiting-room')->{json};
$room = $wait_until->('the seed', sub { rest($web, GET => '/events/1/waiting-room') }, sub { defined $_[0]{json}{seed} })->{json};
is(sha256_hex(pack 'H*', $room->{secret}), $hash, 'the secret that is published is the one that was promised');

# Who may hold seats

my $good = $let_in->{token};
is(refused($hold->($in, 1)), '403 admission_required', 'without the token nobody holds a seat');
is(refused(rest($web, POST => '/bookings/reserve-seats', body => { event_id => 1, seats => [7] }, token => $token{$in})), '403 admission_required', 'nor one he names');
is(refused($hold->(undef, 1)), '403 admission_required', 'nor as a guest');
my $held = $hold->($in, 1, $good);
is($held->{status}, 201, 'with it he does');
is(rest($web, POST => '/bookings/reserve-seats', body => { event_id => 1, seats => [99], admission => $good }, token => $token{$in})->{status}, 201, 'it may stand in the body as well');
is(rest($web, POST => '/bookings/' . $held->{json}{booking_id} . '/payment', body => { payment_token => 'tok_test_success' }, token => $token{$in})->{json}{status}, 'confirmed', 'and he pays');

my ($head, $claims) = map { decode_json(decode_base64url($_)) } (split /\./, $good)[ 0, 1 ];
is_deeply([ @$claims{qw(sub event_id)} ], [ $sub{$in}, 1 ], 'it names customer and event');
my $log_in_key = pack 'H*', $sql->("SELECT encode(secret, 'hex') FROM tixbook.token_key");
my $signature  = (split /\./, $good)[2];
my $with = sub { my (%other) = @_; return forge_token($head, { %$claims, %other }, '') =~ s/[^.]*\z/$signature/r };
my %bad = (
	'forged'                             => forge_token($head, $claims, 'x' x 32),
	'signed with the key of log-ins'     => forge_token($head, $claims, $log_in_key),
	'without a signature'                => forge_token({ alg => 'none' }, $claims, undef),
	'with an empty key'                  => forge_token($head, $claims, ''),
	'with its end put off'               => $with->(exp => $claims->{exp} + 3600),
	'made out to somebody else'          => $with->(sub => $sub{$out}),
	'made out for another event'         => $with->(event_id => 2),
	'of a log-in'                        => $token{$in},
	'cut short'                          => substr($good, 0, -4),
	'with something behind it'           => "${good}AA",
	'of nothing at all'                  => '..',
	'of many dots'                       => '.' x 2000,
	'of zeroes'                          => 'A' x 5000);
is(refused($hold->($in, 1, $bad{$_})), '403 admission_invalid', "a token $_ is no admission") for sort keys %bad;
is(refused($hold->($out, 1, $good)), '403 admission_invalid', 'one of somebody else is none');
is(refused($hold->(undef, 1, $good)), '403 admission_required', 'nor for a guest');
is($hold->('cid', 2)->{status}, 201, 'where there is no room, none is needed');
$open->(2, '0 seconds', "1000, 10");
is(refused($hold->($in, 2, $good)), '403 admission_invalid', 'one of another event is none');

# Over and over: the one who waits has his turn when the other leaves, whose token is worth nothing from then on.
is($queue->('leave', $in, 1)->{json}{left}, JSON::PP::true, 'who has what he wants leaves');
is(refused($hold->($in, 1, $good)), '403 admission_invalid', 'and cannot come back with his token');
is($wait_for_state->($out, 1, 'admitted')->{status}, 200, 'the next one is let in');

# A session ends
$open->(3, '0 seconds', "1000, 10, session => '2 seconds'");
$queue->('join', 'cid', 3);
my $short = $wait_for_state->('cid', 3, 'admitted')->{json}{token};
my $key = key();
my $in_time = $hold->('cid', 3, $short, key => $key);
is($in_time->{status}, 201, 'in time he holds a seat');
$wait_for_state->('cid', 3, 'ended');
is(refused($hold->('cid', 3, $short)), '403 admission_invalid', 'when his session is over, no more');
cmp_ok($queue->('join', 'cid', 3)->{json}{entry}, '>', 0, 'he can join again, at the end');

# A no-show
$open->(4, '0 seconds', "1000, 10, no_show => '1 second'");
$queue->('join', $_, 4) for qw(ann bob);
$wait_for_state->('bob', 4, 'admitted');
$wait_for_state->('ann', 4, 'admitted|missed');
my $late = $queue->('join', 'dora', 4)->{json}{entry};
$wait_until->('dora is let in', sub { $sql->("SELECT admitted > $late AND lapsed > $late FROM tixbook.waiting_room_pointer WHERE event_id = 4") }, sub { $_[0] eq 't' });
is($status->('dora', 4)->{json}{state}, 'missed', 'who does not come in time has missed his turn');
is(refused($hold->('dora', 4)), '403 admission_required', 'and holds nothing');

# Proof of work
$hash = $open->(5, '1 hour', '1000, 10, proof_of_work => 10, entries_per_address => 2');
my $puzzle = $queue->('join', 'ann', 5);
is(refused($puzzle), '422 proof_of_work_required', 'where work is wanted, joining asks for it');
my $details = decode_json($puzzle->{json}{details});
is($details->{bits}, 10, 'so much');
is($details->{prefix}, "5:$sub{ann}:$hash:", 'for this fan and this room');
my $solve = sub { my ($prefix, $solved) = @_; for my $n (0 .. 1e6) { return $n if (unpack('N', sha256("$prefix$n")) >> 22 == 0) == $solved } };
is(refused($queue->('join', 'ann', 5, proof => $solve->($details->{prefix}, 0))), '422 proof_of_work_required', 'a wrong one is none');
is(refused($queue->('join', 'bob', 5, proof => $solve->($details->{prefix}, 1))), '422 proof_of_work_required', 'nor is another one\'s');
is(refused($queue->('join', 'ann', 5, proof => 'x' x 101)), '422 proof_of_work_required', 'nor a book');
is($queue->('join', 'ann', 5, proof => $solve->($details->{prefix}, 1))->{json}{entry}, 0, 'with it he is in');

# So many from one network
my $work = sub { my ($who) = @_; return $solve->("5:$sub{$who}:$hash:", 1) };
is($queue->('join', 'bob', 5, proof => $work->('bob'))->{status}, 200, 'a second from the same network');
is(refused($queue->('join', 'cid', 5, proof => $work->('cid'))), '429 too_many_entries', 'a third is one too many');
is(rest($web, POST => '/queue/join', body => { event_id => 5, proof => $work->('cid') }, token => $token{cid},
		headers => { 'X-Real-IP' => '203.0.113.7', 'X-Forwarded-For' => '203.0.113.7' })->{status}, 429, 'whatever he claims');
is($queue->('join', 'bob', 5, proof => $work->('bob'))->{status}, 200, 'who is in may ask again');
is(request(POST => $web->postgrest_url(1) . '/rpc/join_waiting_room', body => { event_id => 5, proof => $work->('cid') }, token => $token{cid},
		headers => { 'X-Edge-Secret' => $web->{secret}, 'X-Real-IP' => '203.0.113.7' })->{status}, 200, 'from elsewhere he may');

# How often one may try
$server->sql('postgres', "ALTER SYSTEM SET tixbook.customer_limits = 'change 0.01/3'");
$sql->('SELECT pg_reload_conf()');
$wait_until->('the limit', sub { $sql->("SELECT count(*) FROM tixbook.rate_limits() WHERE scope = 'customer'") }, sub { $_[0] });
my %tries;
$tries{ refused($queue->('join', 'dora', 1)) }++ for 1 .. 20;
is_deeply(\%tries, { 200 => 3, '429 rate_limited' => 17 }, 'trying again and again is limited');
$server->sql('postgres', "ALTER SYSTEM RESET tixbook.customer_limits");
$server->sql('postgres', "ALTER SYSTEM SET tixbook.customer_limits = ''");
$sql->('SELECT pg_reload_conf()');

# What the edge keeps: one answer for all who stand near each other.
$open->(6, '1 hour', '10, 10');
my $progress = sub { my ($position, %headers) = @_; return rest($web, GET => '/events/6/queue' . (defined $position ? "?position=$position" : ''), headers => \%headers) };
my $asked = sub { return $progress->($_[0])->{headers}{'x-cache'} };
is($asked->(12_345), 'MISS', 'the first of a range asks the database');
like($asked->($_), qr/^(?:HIT|STALE|UPDATING)$/, "$_ gets what it said") for 12_345, 12_000, 12_999;
is($asked->($_), 'MISS', "$_ is in another range") for 11_999, 13_000, 123_450, 12, 13;
is($progress->(12_001)->{json}{position}, 13_000, 'the answer is for the end of the range, so nobody is promised too much');
my $general = $progress->();
is($general->{json}{position}, undef, 'one can ask without a position');
like($general->{headers}{'cache-control'}, qr/^public, max-age=\d+$/, 'caches may keep it');
is($progress->(undef, 'If-None-Match' => $general->{headers}{etag})->{status}, 304, 'and are told when nothing has changed');
is($progress->("12345&event_id=1&select=state")->{json}{event_id}, 6, 'nothing else of the question matters');
is($progress->('1%27')->{status}, 200, 'nor what is no number');
is($status->('ann', 1)->{headers}{'cache-control'}, 'no-store', 'what is about one fan is not kept');

# The end of it
$sql->("SELECT tixbook.close_waiting_room(1)");
is($wait_until->('closed', sub { rest($web, GET => '/events/1') }, sub { !$_[0]{json}{waiting_room} })->{status}, 200, 'a room that is closed is no hurdle');
is($hold->('dora', 1)->{status}, 201, 'and seats go to whoever comes');
is($sql->("SELECT count(*) FROM tixbook.booking b WHERE event_id IN (3, 4) AND NOT EXISTS (
		SELECT FROM tixbook.waiting_room_session s WHERE s.event_id = b.event_id AND s.customer = b.customer
		  AND b.created_at BETWEEN s.started_at AND s.session_ends)"), 0, 'nobody has booked outside of his session');
end_shop($web);
