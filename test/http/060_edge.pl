# The edge: micro-caching, tags, representations, a standby for reads, static files, a dead PostgREST.
use v5.30;
use warnings;
use MIME::Base64 'decode_base64';
use Test::More;
use Time::HiRes qw(time sleep);
use Harness qw(run_program slurp spew work_dir);
use Tixbook::Http;

my $web    = new_shop(later => 1, conf => { wal_level => 'replica', hot_standby => 'on', max_wal_senders => 4 });
my $server = $web->{server};
my $sql    = sub { $server->sql('shop', $_[0]) };
quiet_house($web, 1, ('s' x 20) x 20);

# A standby, with a PostgREST of its own.
$sql->('ALTER ROLE tixbook_authenticator LOGIN');
my $standby = bless { %$server, name => 'standby', base => work_dir() . "/standby-$$" }, 'Server';
mkdir $standby->{base};
run_program("$server->{bindir}/pg_basebackup", '-h', $server->socket, qw(-U postgres -R -c fast -X stream -D), $standby->data);
chmod 0700, $standby->data;
$standby->configure(unix_socket_directories => $standby->socket);
$standby->start;

# Static files, of which one is as large as the answer about what is free.
my $root = "$web->{base}/box-office";
mkdir $root;
spew("$root/index.html", '<!doctype html><title>Box office</title>');
$web->{root}    = $root;
$web->{standby} = $standby;
push @{ $web->{ports} }, Web::free_port();
$web->start;

my $get = sub { my ($path, %headers) = @_; return rest($web, GET => $path, headers => \%headers) };
my $index = request(GET => $web->url . '/');
is(join(' ', $index->{status}, $index->{headers}{'content-type'}), '200 text/html', 'static files are served');
like($index->{headers}{'content-security-policy'}, qr/default-src 'self'/, 'and may load nothing from elsewhere');
is(request(GET => $web->url . '/../nginx.conf')->{status}, 400, 'nothing outside of them is');

# Representations
my $json = $get->('/events/1/availability');
is($json->{headers}{'cache-control'}, 'public, max-age=1, stale-while-revalidate=5', 'availability may be a second old');
like($json->{headers}{etag}, qr/^"1-\d+"$/, 'and has a tag');
my $bytes = $get->('/events/1/availability', Accept => 'application/octet-stream');
is($bytes->{headers}{'content-type'}, 'application/octet-stream', 'it comes as bytes, too');
is($bytes->{content}, decode_base64($json->{json}{taken}), 'the same ones');
is(join(' ', map { $bytes->{headers}{"tixbook-$_"} } qw(version capacity free)),
	join(' ', map { $json->{json}{$_} } qw(version capacity free)), 'with the figures as headers');
is($get->('/events/1/availability')->{headers}{'content-type'}, 'application/json; charset=utf-8', 'which does not get in the way of JSON');
my $svg = $get->('/events/1/map.svg', Accept => '*/*');
is($svg->{headers}{'content-type'}, 'image/svg+xml', 'the house is a picture');
like($svg->{content}, qr/^<svg .*<\/svg>\s*$/s, 'drawn');
like($get->('/events/1', Prefer => 'timezone=Asia/Tokyo')->{json}{starts_at}, qr/\+00:00$/, 'nobody chooses for others how times are written');
my $plan = $get->('/events/1/plan', 'Accept-Encoding' => 'gzip');
is($plan->{headers}{'content-encoding'}, 'gzip', 'the plan is compressed');
my $head = rest($web, HEAD => '/events/1/availability');
is(join(' ', $head->{status}, $head->{content} // '', $head->{headers}{etag}), "200  $json->{headers}{etag}", 'HEAD tells the tag');

# Pages of other origins: what is kept says so, whoever asked first, and what is nobody's own needs no PostgREST to say so.
my %elsewhere = (Origin => 'https://elsewhere.example', 'Access-Control-Request-Headers' => 'authorization,idempotency-key');
is($get->("/events/1/$_")->{headers}{'access-control-allow-origin'}, '*', "$_ may be shown elsewhere") for qw(availability sections no/such/path);
for my $row ([ GET => '/events/1/availability', 204 ], [ GET => '/events/1', 204 ], [ POST => '/bookings/reserve', 200 ], [ POST => '/rpc/log_in', 200 ])
{
	my ($method, $path, $status) = @$row;
	my $asked = rest($web, OPTIONS => $path, headers => { %elsewhere, 'Access-Control-Request-Method' => $method });
	is(join(' ', $asked->{status}, $asked->{headers}{'access-control-allow-origin'}), "$status *", "$path may be asked from elsewhere");
	like($asked->{headers}{'access-control-allow-headers'}, qr/authorization,\s*idempotency-key/, 'with its headers');
	like($asked->{headers}{'access-control-allow-methods'}, qr/\b$method\b/, "by $method");
}
like(rest($web, POST => '/rpc/log_in', body => {}, headers => \%elsewhere)->{headers}{'access-control-expose-headers'}, qr/Retry-After/, 'and sees when to come again');

# Tags
for my $path (qw(/events/1/availability /events/1/plan /events/1/map.svg))
{
	my $tag = $get->($path, 'Accept-Encoding' => 'gzip')->{headers}{etag};
	my $known = $get->($path, 'If-None-Match' => $tag);
	is(join(' ', $known->{status}, $known->{content} // ''), '304 ', "$path: nothing new for who has $tag");
	is($get->($path, 'If-None-Match' => '"1-0", W/"x"')->{status}, 200, 'but for others');
	is(request(GET => $web->postgrest_url(3) . $_, headers => { 'If-None-Match' => qq{"x", W/$tag} =~ s/W\/W/W/r })->{status}, 304, 'PostgREST knows it itself')
	  for $path =~ /availability/ ? '/rpc/availability?event_id=1' : $path =~ /plan/ ? '/rpc/seat_plan?event_id=1' : ();
}
my $version = $json->{json}{version};
is($get->("/rpc/availability?event_id=1&since=$version")->{json}{taken}, undef, 'who says what he has is not sent the map');
my $direct = sub { my ($query, %headers) = @_; return request(GET => $web->postgrest_url(1) . "/rpc/availability$query", headers => \%headers) };
my $first = $direct->('?event_id=1');
$sql->("SELECT tixbook.reserve_seats(1, '{399}')");
my $change = $direct->("?event_id=1&since=$first->{json}{version}")->{json};
is($change->{taken}, undef, 'nor is who wants to know what has changed');
my ($run) = @{ $change->{changes} };
is(substr(unpack('b*', decode_base64($run->{taken})), 399 - $run->{first_seat}, 1), 1, 'but told the runs of seats');
is(length decode_base64($direct->('?event_id=1', 'If-None-Match' => $first->{headers}{etag})->{json}{taken}), 50, 'an older tag is told everything');
is($direct->('?event_id=1', Accept => 'application/json')->{headers}{'content-length'} > 100, 1, 'and the edge how long that is');
is($get->('/events/1/availability?since=x&event_id=2&select=free')->{json}{event_id}, 1, 'parameters of the path are left at the edge');

# A change is seen by the tag, soon; the one before, first.
my $look_until = sub {
	my ($seen, %headers) = @_;
	my $answer;
	for (1 .. 60)
	{
		$answer = $get->('/events/1/availability', %headers);
		last if $seen->($answer);
		sleep 0.1;
	}
	return $answer;
};
my $tag = $look_until->(sub { substr(unpack('b*', decode_base64($_[0]{json}{taken})), 399, 1) })->{headers}{etag};
rest($web, POST => '/bookings/reserve-seats', body => { event_id => 1, seats => [ 0, 9 ] });
my $changed = $look_until->(sub { $_[0]{status} == 200 }, 'If-None-Match' => $tag);
is($changed->{status}, 200, 'a change is seen');
is(unpack('b16', decode_base64($changed->{json}{taken})), '1000000001000000', 'bit by bit');
isnt($changed->{headers}{etag}, $tag, 'with another tag');

# A crowd costs one read a second.
my $reads = sub { my @lines = map { grep { m{GET /rpc/availability\b} } split /\n/, slurp($web->postgrest_log($_)) } 1 .. @{ $web->{ports} }; return scalar @lines };
my $before = $reads->();
my $crowd  = 8;
my $started = time;
my @pids = map {
	my $pid = fork // die;
	if (!$pid)
	{
		my ($n, $bad) = (0, 0);
		while (time < $started + 4) { $n++; $bad++ if $get->('/events/1/availability')->{status} != 200 }
		spew("$web->{base}/crowd-$$", $n);
		require POSIX;
		POSIX::_exit($bad ? 1 : 0);
	}
	$pid
} 1 .. $crowd;
my $bad = grep { waitpid $_, 0; $? } @pids;
my $looks = 0;
$looks += slurp($_) for glob "$web->{base}/crowd-*";
my $cost = $reads->() - $before;
is($bad, 0, "$looks looks of a crowd were answered");
cmp_ok($looks, '>', 20 * $cost, 'which is a crowd');
cmp_ok($cost, '<=', 7, "and cost the database $cost reads in four seconds");
my $answers = join ' ', map { $get->('/events/1/availability')->{headers}{'x-cache'} } 1 .. 3;
like($answers, qr/HIT|STALE|UPDATING/, "most come from the cache: $answers");

# What is somebody's own is not kept.
my $ann = customer($web, 'ann');
my $own = rest($web, GET => '/bookings', token => $ann);
is($own->{headers}{'cache-control'}, 'no-store', 'bookings are no cache\'s business');
is($own->{headers}{'x-cache'}, undef, 'and the edge does not keep them');

# Reads went to the standby, the rest did not.
my $who = sub { my ($number, $what) = @_; return scalar grep { /$what/ } split /\n/, slurp($web->postgrest_log($number)) };
cmp_ok($who->(3, 'GET /rpc/availability'), '>', 0, 'the standby answers what only looks');
is($who->(2, 'GET /rpc/availability\?'), 0, 'the others do not');
is($who->(3, 'reserve|my_bookings|sign_up'), 0, 'it is asked nothing else');

# A PostgREST dies: what can be repeated safely goes to the other, and nobody notices.
my $hold = sub { my (%more) = @_; return rest($web, POST => '/bookings/reserve', body => { event_id => 1, quantity => 1 }, token => $ann, %more) };
my $bookings = sub { $sql->("SELECT count(*) FROM tixbook.booking WHERE customer IS NOT NULL") };
my $n = $bookings->();
$web->end_postgrest(1);
is(join(' ', map { $hold->(key => key())->{status} } 1 .. 10), join(' ', (201) x 10), 'one of two is dead: what has a key is done');
is(join(' ', map { $hold->()->{status} } 1 .. 10), join(' ', (201) x 10), 'and what has none, since nothing had been sent');
is($bookings->() - $n, 20, 'each once');
is(join(' ', map { rest($web, GET => '/bookings', token => $ann)->{status} } 1 .. 10), join(' ', (200) x 10), 'reading goes on');

# In its place one that dies of whatever it is asked: only what is safe is asked again elsewhere.
my $deadly = fork // die;
if (!$deadly)
{
	$SIG{$_} = 'DEFAULT' for qw(INT TERM);
	my $listener = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1', LocalPort => $web->{ports}[0], ReuseAddr => 1) or die;
	while (my $client = $listener->accept) { sysread $client, my $asked, 65536; close $client }
}
sleep 1.2;
is(join(' ', map { sleep 0.3; $hold->(key => key())->{status} } 1 .. 10), join(' ', (201) x 10), 'what has a key is asked elsewhere');
$n = $bookings->();
my %without;
$without{ refused($hold->()) }++ for map { sleep 0.3; 1 } 1 .. 12;
is(join(', ', sort keys %without), '201, 503 unavailable', 'what has none is not: nobody knows whether it was done');
is($bookings->() - $n, $without{201}, 'and nothing was done twice');
kill 'TERM', $deadly;
waitpid $deadly, 0;

$web->start_postgrest(1);
sleep 1.2;
$web->end_postgrest(2);
my $answer = $hold->(key => key());
is($answer->{status}, 201, 'it comes back, and the other goes');
$web->end_postgrest(1);
$answer = $hold->(key => key());
is(refused($answer), '503 unavailable', 'both dead: the edge says so');
is($answer->{headers}{'retry-after'}, 1, 'and when to come again');
is($get->('/events/1/availability')->{status}, 200, 'what is kept, or on the standby, is still to be seen');
$web->end_postgrest(3);
sleep 1.5;
is($get->('/events/1/availability')->{status}, 200, 'for a while also without it');
$web->start_postgrest($_) for 1 .. 3;
for (1 .. 50) { last if $hold->(key => key())->{status} == 201; sleep 0.1 }
is($hold->(key => key())->{status}, 201, 'they come back');

ok($standby->stop, 'the standby stops in order');
end_shop($web);
